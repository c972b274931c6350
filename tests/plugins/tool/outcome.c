/* Outcomes. See outcome.h. */
#include "outcome.h"

#include <stdio.h>

void outcome_init(struct outcome *o)
{
	*o = (struct outcome){ .n = 0 };
	arena_init(&o->arena, 0);
}

void outcome_fini(struct outcome *o)
{
	arena_fini(&o->arena);
}

static void outcome_push(struct outcome *o, sluice_str name, sluice_str value)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 32;
		sluice_pair *more = arena_alloc(&o->arena, cap * sizeof(*more));
		if (o->n)
			memcpy(more, o->v, o->n * sizeof(*more));
		o->v = more;
		o->cap = cap;
	}
	o->v[o->n++] = (sluice_pair){ name, arena_str(&o->arena, value) };
}

void outcome_add(struct outcome *o, const char *name, sluice_str value)
{
	outcome_push(o, arena_str(&o->arena, str_of(name)), value);
}

void outcome_add_part(struct outcome *o, const char *prefix, sluice_str name, sluice_str value)
{
	sluice_str whole = arena_printf(&o->arena, "%s%.*s", prefix, STR_ARG(name));
	char *lower = (char *)whole.data; /* it is ours */
	for (size_t i = strlen(prefix); i < whole.len; i++)
		lower[i] = ascii_lower(lower[i]);
	outcome_push(o, whole, value);
}

void outcome_add_number(struct outcome *o, const char *name, uint64_t value)
{
	outcome_add(o, name, arena_printf(&o->arena, "%llu", (unsigned long long)value));
}

bool outcome_next(const struct outcome *o, sluice_str name, size_t *at, sluice_str *value)
{
	for (; *at < o->n; (*at)++) {
		if (!str_eq(o->v[*at].name, name))
			continue;
		*value = o->v[(*at)++].value;
		return true;
	}
	return false;
}

sluice_str outcome_find(const struct outcome *o, sluice_str name)
{
	size_t at = 0;
	sluice_str value = STR_NONE;
	(void)outcome_next(o, name, &at, &value);
	return value;
}

uint64_t outcome_number(const struct outcome *o, const char *name)
{
	uint64_t n = 0;
	return str_u64(outcome_find(o, str_of(name)), &n) ? n : 0;
}

/* ---- as bytes: each string behind its length, of 4 bytes ---------------------------------- */

static char *put(char *at, sluice_str s)
{
	uint32_t n = (uint32_t)s.len;
	memcpy(at, &n, sizeof(n));
	if (n)
		memcpy(at + sizeof(n), s.data, n);
	return at + sizeof(n) + n;
}

sluice_str outcome_write(const struct outcome *o, struct arena *a)
{
	size_t len = 0;
	for (size_t i = 0; i < o->n; i++)
		len += o->v[i].name.len + o->v[i].value.len + 2 * sizeof(uint32_t);
	char *text = arena_alloc(a, len + 1), *at = text;
	for (size_t i = 0; i < o->n; i++)
		at = put(put(at, o->v[i].name), o->v[i].value);
	return str_n(text, len);
}

static bool get(sluice_str *rest, sluice_str *out)
{
	uint32_t n;
	if (rest->len < sizeof(n))
		return false;
	memcpy(&n, rest->data, sizeof(n));
	if (n > rest->len - sizeof(n))
		return false;
	*out = str_n(rest->data + sizeof(n), n);
	*rest = str_n(rest->data + sizeof(n) + n, rest->len - sizeof(n) - n);
	return true;
}

bool outcome_read(struct outcome *o, sluice_str text)
{
	sluice_str name, value;
	while (text.len) {
		if (!get(&text, &name) || !get(&text, &value))
			return false;
		outcome_push(o, arena_str(&o->arena, name), value);
	}
	return true;
}
