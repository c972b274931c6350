/* Dependencies of instances. See the header. */
#include "admin/dependencies.h"

#include "base/clock.h"
#include "obs/metric.h"
#include "policy/dependency.h"
#include "policy/instance.h"

enum { REASONS_SHOWN = 32 };

typedef void (*each_fn)(void *ctx, const sluice_instance *inst, const struct dependency *d);

static void dependencies_each(const struct snapshot *snap, each_fn fn, void *ctx)
{
	for (size_t i = 0; snap && i < snap->n_instances; i++) {
		const sluice_instance *inst = snap->instances[i];
		for (const struct dependency *d = inst->dependencies; d; d = d->next)
			fn(ctx, inst, d);
	}
}

/* ---- readiness ----------------------------------------------------------------------------- */

struct awaiting {
	struct json_out *out; /* NULL: only count */
	uint64_t since_start_ns;
	unsigned n;
};

static void await(void *ctx, const sluice_instance *inst, const struct dependency *d)
{
	struct awaiting *w = ctx;
	const sluice_dependency *t = &d->told;
	if (!dependency_holds_ready(d, w->since_start_ns))
		return;
	if (w->n++ >= REASONS_SHOWN || !w->out)
		return;
	json_strf(w->out, "starting: %.*s waits for %.*s%s%.*s", STR_ARG(inst->name),
		STR_ARG(t->name), t->text.len ? ": " : "", STR_ARG(t->text));
}

unsigned dependencies_awaited(const struct snapshot *snap, uint64_t started_ns)
{
	struct awaiting w = { .since_start_ns = clock_ns() - started_ns };
	dependencies_each(snap, await, &w);
	return w.n;
}

void dependencies_write_reasons(struct json_out *o, const struct snapshot *snap,
	uint64_t started_ns)
{
	struct awaiting w = { .out = o, .since_start_ns = clock_ns() - started_ns };
	dependencies_each(snap, await, &w);
}

/* ---- status -------------------------------------------------------------------------------- */

static void put_seconds(struct json_out *o, const char *name, uint64_t from_ns, uint64_t to_ns)
{
	json_key(o, str_of(name));
	json_fixed(o, to_ns > from_ns ? (to_ns - from_ns) / NS_PER_MS : 0, 3);
}

static void write_one(void *ctx, const sluice_instance *inst, const struct dependency *d)
{
	struct json_out *o = ctx;
	const sluice_dependency *t = &d->told;
	uint64_t now = clock_ns();
	json_open(o, '{');
	json_put_str(o, "plugin", inst->name);
	json_put_str(o, "name", t->name);
	json_put_str(o, "state", str_of(dependency_state_name(t->state)));
	if (t->source.len)
		json_put_str(o, "source", t->source);
	json_put_uint(o, "entries", t->entries);
	if (t->current_ns)
		put_seconds(o, "age_s", t->current_ns, now);
	if (t->next_ns)
		put_seconds(o, "next_in_s", now, t->next_ns);
	json_put_uint(o, "failures", t->failures);
	if (t->text.len)
		json_put_str(o, "error", t->text);
	json_close(o, '}');
}

void dependencies_write(struct json_out *o, const struct snapshot *snap)
{
	json_open(o, '[');
	dependencies_each(snap, write_one, o);
	json_close(o, ']');
}

/* ---- metrics ------------------------------------------------------------------------------- */

enum dependency_family { FAMILY_USABLE, FAMILY_AGE, FAMILY_ENTRIES, FAMILY_FAILURES, FAMILIES };

static const struct {
	const char *name, *help;
	enum metric_type type;
} families[FAMILIES] = {
	[FAMILY_USABLE] = { "dependency_usable",
		"1: the plugin has what it needs from outside, such as keys; 0: it has not.",
		METRIC_GAUGE },
	[FAMILY_AGE] = { "dependency_age_seconds", "Since when it was not known to be current.",
		METRIC_GAUGE },
	[FAMILY_ENTRIES] = { "dependency_entries", "How many keys or lines it has.", METRIC_GAUGE },
	[FAMILY_FAILURES] = { "dependency_failures", "Tries to get it that failed.",
		METRIC_COUNTER },
};

struct page {
	struct buf *out;
	enum dependency_family family;
	bool begun;
};

static uint64_t value_of(const struct dependency *d, enum dependency_family family)
{
	uint64_t now = clock_ns(), current = d->told.current_ns;
	if (family == FAMILY_USABLE)
		return dependency_is_usable(d);
	if (family == FAMILY_AGE)
		return now > current ? (now - current) / NS_PER_S : 0;
	return family == FAMILY_ENTRIES ? d->told.entries : d->told.failures;
}

static void write_sample(void *ctx, const sluice_instance *inst, const struct dependency *d)
{
	struct page *p = ctx;
	const sluice_pair labels[] = { { STR("instance"), inst->name },
		{ STR("dependency"), d->told.name } };
	if (p->family == FAMILY_AGE && !d->told.current_ns)
		return; /* it was never there */
	if (!p->begun)
		metric_family(p->out, families[p->family].name, families[p->family].type,
			families[p->family].help);
	p->begun = true;
	metric_sample(p->out, families[p->family].name, families[p->family].type, labels, 2,
		value_of(d, p->family));
}

void dependencies_write_metrics(struct buf *out, const struct snapshot *snap)
{
	for (int i = 0; i < FAMILIES; i++) {
		struct page p = { .out = out, .family = (enum dependency_family)i };
		dependencies_each(snap, write_sample, &p);
	}
}
