/*
 * Metrics that plugins declare. A family is one metric of one plugin, shared by its instances: its
 * samples have the label `instance`, and the label that the plugin declared. They count in the
 * cells of base/stat, each thread for itself, and are summed up for the metrics page. Like other
 * series they are never removed, so that counts go on over reloads, and their number is bounded.
 *
 * Declaring: the main thread. Counting: any thread; it takes a lock only for a label value that is
 * new.
 */
#ifndef OBS_DECLARED_H
#define OBS_DECLARED_H

#include "base/series.h"

enum {
	DECLARED_FAMILIES = 256,
	DECLARED_INSTANCES = 64, /* of a family; further ones count as instance "other" */
	DECLARED_VALUES = SLUICE_METRIC_VALUES,
	DECLARED_SLOTS = 256, /* of a table of label values; a power of two, and more than twice
				 as many as there are values */
	DECLARED_NAME = 160,
};
_Static_assert((int)DECLARED_SLOTS > 2 * (int)DECLARED_VALUES, "a table is never full");

/* The samples of one label value of one instance. */
struct declared_series {
	struct declared_series *next; /* under the lock */
	uint64_t hash;
	series_id cells; /* 0: there was no room for more; counts nothing */
	uint16_t len;
	char value[];
};

struct declared_family;

/* Read by any thread without a lock; set once. */
typedef _Atomic(struct declared_series *) declared_slot;

/* The part of one instance: the plugin's handle. */
struct sluice_metric {
	struct declared_family *family; /* borrowed: lives for ever */
	struct sluice_metric *next;     /* of the family; under the lock */
	const char *instance;           /* owned; NUL-terminated */
	series_id plain;                /* of a family without a label */
	/* With a label: values by hash, which only grow; those beyond DECLARED_VALUES are `other`.
	 * Owned. */
	declared_slot *table;
	struct declared_series *first, *last; /* in the order of their coming; under the lock */
	declared_slot other;
	unsigned n; /* under the lock */
};

struct declared_family {
	struct declared_family *next; /* under the lock */
	char name[DECLARED_NAME];     /* without `sluice_` and `_total` */
	char plugin[DECLARED_NAME];
	char label[SLUICE_METRIC_NAME + 1]; /* "": none */
	char *help;                         /* owned */
	uint64_t *bounds;                   /* owned */
	uint64_t divisor;
	uint32_t n_bounds;
	uint8_t kind;                        /* enum sluice_metric_kind */
	unsigned n;                          /* of instances; under the lock */
	struct sluice_metric *first, *other; /* under the lock */
};

/* The metric of an instance, made or found. NULL, and a sentence in *why (in memory of the thread,
 * until the next call), when the description is wrong, or is not the one that the family has. */
const struct sluice_metric *declared_get(const char *plugin, sluice_str instance,
	const struct sluice_metric_desc *d, const char **why);

/* Counters and gauges; a gauge may go down. value: ignored in a family without a label; longer ones
 * are cut to SERIES_LABEL_BYTES. */
void declared_add(const struct sluice_metric *m, sluice_str value, uint64_t n);
/* Gauges: this thread's part is n. */
void declared_set(const struct sluice_metric *m, sluice_str value, int64_t n);
/* Histograms. */
void declared_observe(const struct sluice_metric *m, sluice_str value, uint64_t v);

/* A sample as a reader sees it: the sums over all threads. */
struct declared_view {
	sluice_str instance, value;
	uint64_t cells[SLUICE_METRIC_BOUNDS + 2]; /* buckets, not cumulative, and the sum */
};
/* Call fn for all families, and each of them for its samples. fn must not declare or count. */
void declared_each(void (*fn)(void *ctx, const struct declared_family *f), void *ctx);
void declared_each_sample(const struct declared_family *f,
	void (*fn)(void *ctx, const struct declared_view *v), void *ctx);

#endif
