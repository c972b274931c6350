/* The access log of the process: one file, one thread that writes it, and an access_log on every
 * worker. Main thread. */
#include <errno.h>

#include "app/process.h"
#include "obs/access_log.h"
#include "obs/logger.h"

static void logs_attach(struct worker *w, void *arg)
{
	struct gateway_worker *g = arg;
	if (!g->access)
		g->access = access_log_new(w, logger_queue(g->process->logger));
	g->proxy.data = g->access;
}

bool logs_open(struct process *p, const struct snapshot *s, struct diag *d)
{
	const struct access_conf *c = &s->conf.log.access;
	int err = 0;
	if (!(s->logs & LOGS_FILE))
		return true;
	if (p->logger) {
		err = logger_move(p->logger, c->path);
	} else {
		p->logger = logger_new(c->path);
		err = p->logger ? 0 : -errno;
	}
	if (err) {
		(void)diag_error(d, &(struct mark){ .file = s->file },
			"log.access.path: %.*s cannot be opened: %s", STR_ARG(c->path),
			strerror(-err));
		return false;
	}
	for (unsigned i = 0; i < p->n_workers; i++)
		worker_post(&p->workers[i].w, logs_attach, &p->workers[i]);
	return true;
}

void logs_reopen(struct process *p)
{
	if (p->logger)
		logger_reopen(p->logger);
}

void logs_close(struct process *p)
{
	enum { GRACE_MS = 2000 };
	if (p->logger)
		logger_free(&p->logger, GRACE_MS);
}
