/* Metrics that plugins declare. See declared.h. */
#include "obs/declared.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

/* Held while a metric or a series is made or listed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct declared_family *families, **families_end = &families;
static unsigned n_families;
static __thread char why_text[256];

__attribute__((format(printf, 1, 2))) static const char *declared_why(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(why_text, sizeof(why_text), fmt, ap);
	va_end(ap);
	return why_text;
}

/* ---- descriptions -------------------------------------------------------------------------- */

/* [a-z][a-z0-9_]*, at most SLUICE_METRIC_NAME bytes */
static bool name_is_good(const char *s)
{
	size_t n = s ? strnlen(s, SLUICE_METRIC_NAME + 1) : 0;
	return n && n <= SLUICE_METRIC_NAME && *s >= 'a' && *s <= 'z' &&
		strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bool help_is_good(const char *s)
{
	return s && *s && strlen(s) <= SLUICE_METRIC_HELP && !strpbrk(s, "\\\r\n");
}

static const char *bounds_wrong(const struct sluice_metric_desc *d)
{
	if (d->kind != SLUICE_METRIC_HISTOGRAM)
		return d->n_bounds ? "only a histogram has bounds" : NULL;
	if (!d->bounds || d->n_bounds < 1 || d->n_bounds > SLUICE_METRIC_BOUNDS)
		return declared_why("a histogram has 1 to %d bounds", SLUICE_METRIC_BOUNDS);
	for (size_t i = 1; i < d->n_bounds; i++) {
		if (d->bounds[i] <= d->bounds[i - 1])
			return "bounds must grow";
	}
	return NULL;
}

/* What is wrong with a description; NULL: nothing. */
static const char *desc_wrong(const struct sluice_metric_desc *d)
{
	if (!name_is_good(d->name) || str_ends(str_of(d->name), STR("_total")))
		return declared_why("a metric's name has up to %d of a-z, 0-9 and _, begins with a "
				    "letter, and does not end in _total",
			SLUICE_METRIC_NAME);
	if (d->kind > SLUICE_METRIC_HISTOGRAM)
		return "there is no such kind of metric";
	if (!help_is_good(d->help))
		return declared_why("a metric needs a sentence of help, of at most %d bytes, on "
				    "one line and without a backslash",
			SLUICE_METRIC_HELP);
	if (d->label &&
		(!name_is_good(d->label) || strcmp(d->label, "instance") == 0 ||
			strcmp(d->label, "le") == 0))
		return "a label's name is formed as a metric's, and not `instance` or `le`";
	return bounds_wrong(d);
}

static uint64_t desc_divisor(const struct sluice_metric_desc *d)
{
	return d->divisor ? d->divisor : 1;
}

static bool family_is(const struct declared_family *f, const char *plugin,
	const struct sluice_metric_desc *d)
{
	return strcmp(f->plugin, plugin) == 0 && f->kind == d->kind &&
		strcmp(f->help, d->help) == 0 && strcmp(f->label, d->label ? d->label : "") == 0 &&
		f->divisor == desc_divisor(d) && f->n_bounds == d->n_bounds &&
		(!f->n_bounds ||
			memcmp(f->bounds, d->bounds, f->n_bounds * sizeof(*f->bounds)) == 0);
}

/* Whether the gateway has a metric of that name itself, as plugin_calls. */
static bool name_is_ours(const char *name)
{
	for (unsigned i = 0; i < FAMILY_COUNT; i++) {
		if (strcmp(family_info((enum family)i)->name, name) == 0)
			return true;
	}
	return false;
}

/* ---- making, under the lock ---------------------------------------------------------------- */

static unsigned family_width(const struct declared_family *f)
{
	return f->kind == SLUICE_METRIC_HISTOGRAM ? f->n_bounds + 2 : 1;
}

static struct declared_family *family_new(const char *name, const char *plugin,
	const struct sluice_metric_desc *d)
{
	struct declared_family *f = mem_new(struct declared_family);
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	(void)snprintf(f->plugin, sizeof(f->plugin), "%s", plugin);
	(void)snprintf(f->label, sizeof(f->label), "%s", d->label ? d->label : "");
	f->help = mem_text(d->help, strlen(d->help));
	f->kind = (uint8_t)d->kind;
	f->divisor = desc_divisor(d);
	f->n_bounds = (uint32_t)d->n_bounds;
	if (f->n_bounds) {
		f->bounds = mem_array(uint64_t, f->n_bounds);
		memcpy(f->bounds, d->bounds, f->n_bounds * sizeof(*f->bounds));
	}
	*families_end = f;
	families_end = &f->next;
	n_families++;
	return f;
}

/* plugin_NAME_x, with '_' for each '-' of the plugin's name */
static void family_name(char out[DECLARED_NAME], const char *plugin, const char *name)
{
	(void)snprintf(out, DECLARED_NAME, "plugin_%s_%s", plugin, name);
	for (char *at = out; *at; at++)
		*at = (char)(*at == '-' ? '_' : *at);
}

static struct declared_family *family_get(const char *plugin, const struct sluice_metric_desc *d,
	const char **why)
{
	char name[DECLARED_NAME];
	struct declared_family *f = families;
	family_name(name, plugin, d->name);
	while (f && strcmp(f->name, name) != 0)
		f = f->next;
	if (f && family_is(f, plugin, d))
		return f;
	if (f)
		*why = declared_why("the metric %s was declared otherwise since the gateway "
				    "started, by an instance of plugin %s",
			d->name, f->plugin);
	else if (name_is_ours(name))
		*why = declared_why("the gateway has a metric sluice_%s itself", name);
	else if (n_families == DECLARED_FAMILIES)
		*why = declared_why("there are %d metrics of plugins already", DECLARED_FAMILIES);
	else
		return family_new(name, plugin, d);
	return NULL;
}

static struct sluice_metric *metric_new(struct declared_family *f, sluice_str instance)
{
	struct sluice_metric *m = mem_new(struct sluice_metric);
	struct sluice_metric **at = &f->first;
	m->family = f;
	m->instance = mem_text(instance.data, instance.len);
	if (f->label[0])
		m->table = mem_array(declared_slot, DECLARED_SLOTS);
	else
		m->plain = series_reserve(family_width(f));
	while (*at)
		at = &(*at)->next;
	*at = m;
	f->n++;
	return m;
}

static struct sluice_metric *metric_get(struct declared_family *f, sluice_str instance)
{
	for (struct sluice_metric *m = f->first; m; m = m->next) {
		if (str_eq(str_of(m->instance), instance))
			return m;
	}
	if (f->n < DECLARED_INSTANCES)
		return metric_new(f, instance);
	if (!f->other)
		f->other = metric_new(f, STR("other"));
	return f->other;
}

const struct sluice_metric *declared_get(const char *plugin, sluice_str instance,
	const struct sluice_metric_desc *d, const char **why)
{
	const struct sluice_metric *m = NULL;
	*why = desc_wrong(d);
	if (*why)
		return NULL;
	(void)pthread_mutex_lock(&lock);
	struct declared_family *f = family_get(plugin, d, why);
	if (f)
		m = metric_get(f, instance);
	(void)pthread_mutex_unlock(&lock);
	return m;
}

/* ---- label values -------------------------------------------------------------------------- */

static struct declared_series *series_of_value(const struct sluice_metric *m, sluice_str value,
	uint64_t hash, unsigned *slot)
{
	for (unsigned i = (unsigned)hash & (DECLARED_SLOTS - 1);;
		i = (i + 1) & (DECLARED_SLOTS - 1)) {
		struct declared_series *s =
			atomic_load_explicit(&m->table[i], memory_order_acquire);
		*slot = i;
		if (!s || (s->hash == hash && str_eq(str_n(s->value, s->len), value)))
			return s;
	}
}

/* Under the lock. */
static struct declared_series *series_add_value(struct sluice_metric *m, sluice_str value,
	uint64_t hash)
{
	struct declared_series *s = mem_zeroed(1, sizeof(*s) + value.len, "a label's value");
	s->hash = hash;
	s->len = (uint16_t)value.len;
	if (value.len)
		memcpy(s->value, value.data, value.len);
	s->cells = series_reserve(family_width(m->family));
	if (m->last)
		m->last->next = s;
	else
		m->first = s;
	m->last = s;
	return s;
}

/* Under the lock: another thread may have made it meanwhile. */
static struct declared_series *series_make_value(struct sluice_metric *m, sluice_str value,
	uint64_t hash)
{
	unsigned slot;
	struct declared_series *s = series_of_value(m, value, hash, &slot);
	if (s)
		return s;
	if (m->n < DECLARED_VALUES) {
		m->n++;
		s = series_add_value(m, value, hash);
		atomic_store_explicit(&m->table[slot], s, memory_order_release);
		return s;
	}
	s = atomic_load_explicit(&m->other, memory_order_relaxed);
	if (!s) {
		s = series_add_value(m, STR("other"), 0);
		atomic_store_explicit(&m->other, s, memory_order_release);
	}
	return s;
}

static series_id metric_cells(const struct sluice_metric *m, sluice_str value)
{
	unsigned slot;
	if (!m->table)
		return m->plain;
	value.len = value.len < SERIES_LABEL_BYTES ? value.len : SERIES_LABEL_BYTES;
	uint64_t hash = hash_str(value);
	const struct declared_series *s = series_of_value(m, value, hash, &slot);
	if (likely(s))
		return s->cells;
	s = atomic_load_explicit(&m->other, memory_order_acquire);
	if (s)
		return s->cells;
	(void)pthread_mutex_lock(&lock);
	s = series_make_value((struct sluice_metric *)(uintptr_t)m, value, hash);
	(void)pthread_mutex_unlock(&lock);
	return s->cells;
}

/* ---- counting ------------------------------------------------------------------------------ */

void declared_add(const struct sluice_metric *m, sluice_str value, uint64_t n)
{
	series_add(metric_cells(m, value), n);
}

void declared_set(const struct sluice_metric *m, sluice_str value, int64_t n)
{
	series_set(metric_cells(m, value), (uint64_t)n);
}

void declared_observe(const struct sluice_metric *m, sluice_str value, uint64_t v)
{
	const struct declared_family *f = m->family;
	series_id cells = metric_cells(m, value);
	unsigned bucket = 0;
	if (!cells)
		return;
	while (bucket < f->n_bounds && v > f->bounds[bucket])
		bucket++;
	series_cell_add(cells + bucket, 1);
	series_cell_add(cells + f->n_bounds + 1, v);
}

/* ---- reading ------------------------------------------------------------------------------- */

void declared_each(void (*fn)(void *ctx, const struct declared_family *f), void *ctx)
{
	(void)pthread_mutex_lock(&lock);
	for (const struct declared_family *f = families; f; f = f->next)
		fn(ctx, f);
	(void)pthread_mutex_unlock(&lock);
}

static void declared_show(const struct sluice_metric *m, sluice_str value, series_id cells,
	void (*fn)(void *ctx, const struct declared_view *v), void *ctx)
{
	struct declared_view v = { .instance = str_of(m->instance), .value = value };
	unsigned width = family_width(m->family);
	for (unsigned i = 0; cells && i < width; i++)
		v.cells[i] = stat_chunk_read(cells + i);
	if (cells)
		fn(ctx, &v);
}

void declared_each_sample(const struct declared_family *f,
	void (*fn)(void *ctx, const struct declared_view *v), void *ctx)
{
	for (const struct sluice_metric *m = f->first; m; m = m->next) {
		if (!m->table)
			declared_show(m, STR_NONE, m->plain, fn, ctx);
		for (const struct declared_series *s = m->first; s; s = s->next)
			declared_show(m, str_n(s->value, s->len), s->cells, fn, ctx);
	}
}
