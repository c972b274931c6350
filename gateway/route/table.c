/* Tables keyed by strings. Built by one thread, read by any. */
#include "route/table.h"

static uint32_t table_hash(sluice_str key)
{
	return (uint32_t)hash_str(key);
}

static void table_place(struct table *t, struct table_slot slot)
{
	uint32_t i = slot.hash & (t->cap - 1);
	while (t->v[i].value)
		i = (i + 1) & (t->cap - 1);
	t->v[i] = slot;
}

/* The old slots stay in the arena, unused: less than the final table takes. */
static void table_grow(struct table *t, struct arena *a)
{
	struct table old = *t;
	t->cap = old.cap == 0 ? TABLE_FEW : old.cap * 4;
	t->v = arena_zalloc(a, t->cap * sizeof(*t->v));
	for (uint32_t i = 0; i < old.cap; i++) {
		struct table_slot s = old.v[i];
		if (s.value) {
			s.hash = table_hash(str_n(s.key, s.len));
			table_place(t, s);
		}
	}
}

void table_put(struct table *t, struct arena *a, sluice_str key, void *value)
{
	check(value && key.len <= UINT32_MAX, "no entry for a table: key of %zu bytes", key.len);
	struct table_slot s = { .key = key.len ? key.data : "",
		.len = (uint32_t)key.len,
		.value = value };
	if (t->cap <= TABLE_FEW ? t->n == t->cap : t->n >= t->cap / 2)
		table_grow(t, a);
	if (t->cap > TABLE_FEW) {
		s.hash = table_hash(key);
		table_place(t, s);
	} else {
		t->v[t->n] = s;
	}
	t->n++;
}

void *table_find_many(const struct table *t, sluice_str key)
{
	uint32_t h = table_hash(key);
	for (uint32_t i = h & (t->cap - 1); t->v[i].value; i = (i + 1) & (t->cap - 1)) {
		if (t->v[i].hash == h && table_slot_is(&t->v[i], key))
			return t->v[i].value;
	}
	return NULL;
}
