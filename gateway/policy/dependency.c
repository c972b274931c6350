/* Dependencies. See the header. */
#include "policy/dependency.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "policy/guard.h"
#include "policy/instance.h"

static const char *const names[] = { "awaited", "ok", "failing", "lost" };
enum { STATES = sizeof(names) / sizeof(names[0]) };

const char *dependency_state_name(sluice_dependency_state state)
{
	return names[state];
}

bool dependency_is_usable(const struct dependency *d)
{
	return d->told.state == SLUICE_DEPENDENCY_OK || d->told.state == SLUICE_DEPENDENCY_FAILING;
}

bool dependency_holds_ready(const struct dependency *d, uint64_t since_start_ns)
{
	return d->told.state == SLUICE_DEPENDENCY_AWAITED &&
		since_start_ns / NS_PER_MS < d->told.ready_wait_ms;
}

static sluice_str text_copy(sluice_str s)
{
	size_t n = s.len < DEPENDENCY_TEXT ? s.len : DEPENDENCY_TEXT;
	return str_n(mem_text(n ? s.data : "", n), n);
}

static void texts_free(struct dependency *d)
{
	free((char *)(uintptr_t)d->told.name.data);
	free((char *)(uintptr_t)d->told.source.data);
	free((char *)(uintptr_t)d->told.text.data);
}

void dependencies_free(struct dependency **first)
{
	while (*first) {
		struct dependency *d = *first;
		*first = d->next;
		texts_free(d);
		free(d);
	}
}

/* That of the name, made if need be. NULL: there are too many. */
static struct dependency *dependency_get(sluice_instance *inst, sluice_str name)
{
	unsigned n = 0;
	struct dependency **at = &inst->dependencies;
	for (; *at; at = &(*at)->next, n++) {
		if (str_eq((*at)->told.name, name))
			return *at;
	}
	if (n == DEPENDENCIES_MAX)
		return NULL;
	*at = mem_new(struct dependency);
	return *at;
}

/* What is wrong with it, as a sentence. */
static const char *dependency_wrong(const sluice_dependency *d)
{
	if (d->size < offsetof(sluice_dependency, failures) + sizeof(d->failures))
		return "the size of the dependency is not set";
	if (!d->name.len || d->name.len > DEPENDENCY_NAME)
		return "the name of the dependency is empty or too long";
	if ((unsigned)d->state >= STATES)
		return "the dependency has no such state";
	return NULL;
}

void host_dependency_set(sluice_instance *inst, const sluice_dependency *d)
{
	static const char service[] = "sluice_dependency_set()";
	if (!guard_main(inst, service) || !guard_given(d, service, "the dependency is NULL"))
		return;
	const char *wrong = dependency_wrong(d);
	if (wrong) {
		(void)guard_refuse(service, wrong);
		return;
	}
	struct dependency *it = dependency_get(inst, d->name);
	if (!it) {
		(void)guard_refuse(service, "the instance has too many dependencies");
		return;
	}
	const struct dependency old = *it;
	it->told = (sluice_dependency){ .size = sizeof(it->told),
		.state = d->state,
		.ready_wait_ms = d->ready_wait_ms,
		.name = text_copy(d->name),
		.source = text_copy(d->source),
		.text = text_copy(d->text),
		.entries = d->entries,
		.current_ns = d->current_ns,
		.next_ns = d->next_ns,
		.failures = d->failures };
	texts_free((struct dependency *)(uintptr_t)&old);
}
