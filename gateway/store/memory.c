/*
 * Memory stores and their tables. A table gets its memory in store_settle(), when all tables of a
 * configuration are known, and keeps it as long as it is taken.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/cells.h"
#include "store/ops.h"

/* A store, or a table of one. */
struct memory_store {
	struct sluice_store s;
	struct list at;      /* a store: in memory_stores */
	struct cells *cells; /* owned; NULL: a table that has no memory yet */
	/* of its cells; of a store with tables: of all tables together */
	uint64_t bytes;
	struct list tables;      /* of a store */
	struct memory_store *of; /* a table: its store; borrowed, kept alive by refs */
	char *table_name;        /* owned; a table's */
};

static struct memory_store local = { .s = { .ops = &store_memory, .name = "local", .refs = 1 },
	.bytes = STORE_LOCAL_BYTES,
	.tables = { &local.tables, &local.tables } };
static pthread_once_t local_once = PTHREAD_ONCE_INIT;
/* Main thread. */
static struct list memory_stores = { &memory_stores, &memory_stores };

static struct memory_store *memory_of(const struct sluice_store *s)
{
	return container_of((struct sluice_store *)(uintptr_t)s, struct memory_store, s);
}

static struct memory_store *table_at(struct list *e)
{
	return container_of(e, struct memory_store, s.at);
}

static struct sluice_store *memory_new(const struct store_args *args, const struct redis_url *u)
{
	const struct store_conf *c = args->conf;
	struct cells *cells = cells_new(c->memory);
	(void)u;
	if (!cells) {
		args->report(args->report_ctx, false, "memory",
			"the system refuses that much memory");
		return NULL;
	}
	struct memory_store *m = mem_new(struct memory_store);
	store_init(&m->s, &store_memory, c->name);
	list_init(&m->tables);
	m->bytes = c->memory;
	m->cells = cells;
	list_push(&memory_stores, &m->at);
	return &m->s;
}

static void memory_free(struct sluice_store *s)
{
	struct memory_store *m = memory_of(s);
	if (!m->of)
		list_del(&m->at);
	cells_free(&m->cells);
	free(m->table_name);
	free(m);
}

static bool memory_cell(const struct sluice_store *s, sluice_str key, uint64_t now_ns,
	sluice_cell *out)
{
	const struct memory_store *m = memory_of(s);
	if (unlikely(!m->cells))
		return false;
	cells_find(m->cells, key, now_ns, out);
	return true;
}

bool store_cell_swap(sluice_cell *c, uint64_t desired)
{
	return cells_swap(c, desired);
}

/* ---- the store that is there without configuration ------------------------------------------ */

static void memory_make_local(void)
{
	local.cells = cells_new(STORE_LOCAL_BYTES);
	check(local.cells, "out of memory: %llu bytes for the local store", STORE_LOCAL_BYTES);
}

const struct sluice_store *store_local(void)
{
	(void)pthread_once(&local_once, memory_make_local);
	return &local.s;
}

/* ---- tables --------------------------------------------------------------------------------- */

static struct sluice_store *memory_table(struct sluice_store *s, sluice_str name)
{
	struct memory_store *m = memory_of(s);
	list_each (e, &m->tables) {
		if (str_eq(str_of(table_at(e)->table_name), name))
			return &table_at(e)->s;
	}
	struct memory_store *t = mem_new(struct memory_store);
	store_init(&t->s, &store_memory, str_of(s->name));
	list_init(&t->tables);
	t->table_name = mem_text(name.data, name.len);
	t->of = m;
	store_hold(s);
	list_push(&m->tables, &t->s.at);
	return &t->s;
}

static void memory_table_free(struct sluice_store *s)
{
	struct memory_store *m = memory_of(s)->of;
	if (!m || --s->taken)
		return;
	list_del(&s->at);
	store_unref(s);
	store_unref(&m->s);
}

/* Divide the memory that the store's older tables leave among the new ones. */
static void memory_settle(struct memory_store *m)
{
	uint64_t used = 0, n = 0;
	list_each (e, &m->tables) {
		used += table_at(e)->bytes;
		n += !table_at(e)->cells;
	}
	if (n == 0)
		return;
	uint64_t each = used < m->bytes ? (m->bytes - used) / n : 0;
	if (each < STORE_TABLE_MIN)
		each = STORE_TABLE_MIN < m->bytes ? STORE_TABLE_MIN : m->bytes;
	list_each (e, &m->tables) {
		struct memory_store *t = table_at(e);
		if (t->cells)
			continue;
		t->cells = cells_new(each);
		/* this table has no cells: plugins get false, as from a store that is down */
		if (!t->cells) {
			log_error("store", "%s: the system refuses %llu bytes for a table",
				m->s.name, (unsigned long long)each);
			continue;
		}
		t->bytes = each;
		cells_count_evictions(t->cells,
			series_find(FAMILY_STORE_EVICTIONS, str_of(m->s.name),
				str_of(t->table_name)));
	}
}

void store_settle(void)
{
	memory_settle(&local);
	list_each (e, &memory_stores)
		memory_settle(container_of(e, struct memory_store, at));
}

uint64_t store_table_bytes(const struct sluice_store *t)
{
	return memory_of(t)->bytes;
}

const struct store_ops store_memory = {
	.kind = SLUICE_STORE_MEMORY,
	.new = memory_new,
	.free = memory_free,
	.table = memory_table,
	.table_free = memory_table_free,
	.cell = memory_cell,
};
