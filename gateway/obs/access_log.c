/* The access log of a worker. The worker's thread. */
#include "obs/access_log.h"

#include <stdlib.h>

#include "base/mem.h"
#include "obs/access_image.h"

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

struct access_log *access_log_new(struct worker *w, struct log_queue *q)
{
	struct access_log *a = mem_new(struct access_log);
	a->worker = w;
	a->source = log_source_new(q);
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

/* The batch that is being filled; NULL: there is none, and what was to go into it is dropped. */
static struct log_batch *access_log_batch(struct access_log *a)
{
	if (a->batch)
		return a->batch;
	a->batch = log_source_take(a->source);
	if (a->batch)
		worker_timer(a->worker, &a->timer, NS_PER_S);
	else
		log_source_drop(a->source);
	return a->batch;
}

static void access_log_took(struct log_batch *b, size_t n)
{
	b->len += (uint32_t)n;
	b->n++;
}

void access_log_write(struct access_log *a, const struct access_conf *conf,
	const struct access_record *r)
{
	for (struct log_batch *b; (b = access_log_batch(a)); access_log_flush(a)) {
		size_t n = access_line(conf, r, b->data + b->len, LOG_BATCH_BYTES - b->len);
		if (n) {
			access_log_took(b, n);
			return;
		}
		check(b->len, "a line is longer than a batch of %d bytes", LOG_BATCH_BYTES);
	}
}

void access_log_add(struct access_log *a, const struct access_conf *conf,
	const struct access_record *masked)
{
	for (struct log_batch *b; (b = access_log_batch(a)); access_log_flush(a)) {
		size_t n = access_image_write(conf, masked, b->data + b->len,
			LOG_BATCH_BYTES - b->len);
		if (n) {
			access_log_took(b, n);
			return;
		}
		check(b->len, "a record is longer than a batch of %d bytes", LOG_BATCH_BYTES);
	}
}
