/*
 * The admin address of the process: collects the facts and callbacks that admin/ serves. It is
 * opened before the first worker runs and closed before they end, so that it always answers. Main
 * thread.
 */
#include "app/process.h"

#include <stdlib.h>
#include <string.h>

#include "admin/dependencies.h"
#include "app/inherited.h"
#include "app/successor.h"
#include "app/watch.h"
#include "base/log.h"
#include "base/mem.h"
#include "upstream/record.h"

static void control_facts(void *ctx, struct admin_facts *f)
{
	static const enum admin_phase phases[] = {
		[PROCESS_STARTING] = ADMIN_STARTING,
		[PROCESS_SERVING] = ADMIN_SERVING,
		[PROCESS_LEAVING] = ADMIN_LEAVING,
		[PROCESS_DRAINING] = ADMIN_DRAINING,
		[PROCESS_REFUSING] = ADMIN_DRAINING,
		[PROCESS_STOPPING] = ADMIN_DRAINING,
	};
	struct process *p = ctx;
	/* once: servers and dependencies that a reload brings do not make the gateway unready */
	p->checked = p->checked || (p->ready && !records_awaited());
	p->supplied = p->supplied || (p->ready && !dependencies_awaited(p->snap, p->started_ns));
	*f = (struct admin_facts){ .phase = phases[p->phase],
		.waiting = p->n_workers - p->applied,
		.started_ns = p->started_ns,
		.snap = p->snap,
		.snapshots = snapshot_count(),
		.reloads = p->reloads,
		.reloads_failed = p->reloads_failed };
	overload_facts(p, &f->overload);
	if (f->phase == ADMIN_SERVING && !p->ready)
		f->phase = ADMIN_STARTING;
	if (!p->checked)
		f->unchecked = records_awaited();
	if (!p->supplied)
		f->awaited = dependencies_awaited(p->snap, p->started_ns);
	for (unsigned i = 0; p->workers && i < p->n_workers && f->n_silent < ADMIN_SILENT; i++) {
		if (!watch_is_silent(p, i))
			continue;
		struct admin_silent *s = &f->silent[f->n_silent++];
		s->worker = i;
		watch_text(p, i, s->text);
	}
}

/* Whether the address is opened only when the process serves. */
static bool control_waits(const struct snapshot *s)
{
	const int *fds;
	unsigned n;
	return successor_has_predecessor() && inherited_find(&s->admin, &fds, &n) != INHERITED_NONE;
}

static bool control_listen(struct process *p, const struct snapshot *s, struct diag *d)
{
	const int *fds = NULL;
	unsigned n;
	enum inherited_kind kind = inherited_find(&s->admin, &fds, &n);
	int err = admin_open(p->admin, &s->admin, kind == INHERITED_NONE ? -1 : fds[0],
		kind == INHERITED_LENT);
	p->admin_is_lent = kind == INHERITED_LENT;
	if (err == 0)
		return true;
	(void)diag_error(d, &(struct mark){ .file = s->file },
		"admin.address: cannot listen on %.*s: %s", STR_ARG(s->conf.admin.address),
		strerror(-err));
	apply_hint(d, err);
	return false;
}

bool control_open(struct process *p, const struct snapshot *s, const struct admin_env *orders,
	struct diag *d)
{
	struct admin_env env = *orders;
	env.ctx = p;
	env.facts = control_facts;
	if (s->admin.len == 0)
		return true;
	p->admin = admin_new(&p->main, &env);
	p->admin_addr = s->admin;
	/* a predecessor still answers there, and this process could only say that it starts */
	return control_waits(s) || control_listen(p, s, d);
}

bool control_go_on(struct process *p, const struct snapshot *s, struct diag *d)
{
	return !p->admin || !control_waits(s) || control_listen(p, s, d);
}

void control_workers(struct process *p)
{
	struct gather_worker *v = mem_array(struct gather_worker, p->n_workers);
	for (unsigned i = 0; i < p->n_workers; i++)
		v[i] = (struct gather_worker){ &p->workers[i].w, &p->workers[i].proxy,
			p->workers[i].front };
	if (p->admin)
		admin_set_workers(p->admin, v, p->n_workers);
	free(v);
}

void control_settle(const struct process *p)
{
	const struct addr *now = &p->snap->admin;
	char text[ADDR_TEXT] = "no address";
	if (addr_eq(now, &p->admin_addr))
		return;
	if (p->admin)
		(void)addr_text(&p->admin_addr, text);
	log_warn("admin", "admin.address has changed: %s is served until the gateway is restarted",
		text);
}

void control_close(struct process *p)
{
	admin_close(p->admin);
}

void control_free(struct process *p)
{
	admin_free(&p->admin);
}
