/* The access log of a worker. The worker's thread. */
#include "obs/access_log.h"

#include <stdlib.h>

#include "base/mem.h"

struct access_log {
	struct worker *worker;     /* borrowed */
	struct log_source *source; /* owned */
	struct log_batch *batch;   /* owned: being filled; NULL before its first line */
	struct timer timer;        /* runs while there is a batch */
};

static void access_log_on_due(struct timer *t)
{
	access_log_flush(container_of(t, struct access_log, timer));
}

struct access_log *access_log_new(struct worker *w, struct logger *l)
{
	struct access_log *a = mem_new(struct access_log);
	a->worker = w;
	a->source = log_source_new(l);
	timer_init(&a->timer, access_log_on_due);
	return a;
}

void access_log_free(struct access_log **at)
{
	struct access_log *a = *at;
	if (!a)
		return;
	*at = NULL;
	access_log_flush(a);
	timer_drop(&a->timer);
	log_source_free(&a->source);
	free(a);
}

void access_log_flush(struct access_log *a)
{
	timer_stop(&a->timer);
	if (a->batch)
		log_source_give(a->source, a->batch);
	a->batch = NULL;
}

void access_log_write(struct access_log *a, const struct access_conf *conf,
	const struct access_record *r)
{
	for (;;) {
		if (!a->batch) {
			a->batch = log_source_take(a->source);
			if (!a->batch) {
				log_source_drop(a->source);
				return;
			}
			worker_timer(a->worker, &a->timer, NS_PER_S);
		}
		struct log_batch *b = a->batch;
		size_t n = access_line(conf, r, b->data + b->len, LOG_BATCH_BYTES - b->len);
		if (n) {
			b->len += (uint32_t)n;
			b->lines++;
			return;
		}
		check(b->len, "a line is longer than a batch of %d bytes", LOG_BATCH_BYTES);
		access_log_flush(a);
	}
}
