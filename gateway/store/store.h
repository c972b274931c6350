/*
 * The stores of the `stores:` block, as plugins use them: memory stores hold cells, Redis stores
 * run scripts and commands. When the next snapshot declares a store with the same options, secrets
 * and TLS files, it gets the same object, so that counts and connections survive a reload.
 *
 * A memory store has tables, which divide its memory: a table that is full takes no place from
 * another. Plugins use a table like a store. A table gets its memory when the configuration that
 * first names it is complete. It keeps its size and its counts as long as an instance uses it. New
 * tables of a reload share the memory that is left, and get at least STORE_TABLE_MIN each.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "redis/link.h"
#include "store/conf.h"

enum { STORE_NAME_MAX = 64 };
#define STORE_LOCAL_BYTES (32ull << 20)
#define STORE_TABLE_MIN (64ull << 10)

struct store_args {
	const struct store_conf *conf;
	const char *dir;  /* where relative paths of tls start; NULL: the working directory */
	unsigned workers; /* ids 0 .. workers-1 */
	store_report_fn report;
	void *report_ctx;
};

/* Main thread: the existing store with the same identity, or a new one. Checks options, reads TLS
 * files and takes memory, but does not connect. args are only read during the call. NULL when an
 * error was reported. */
must_use struct sluice_store *store_new(const struct store_args *args);
/* Main thread: to be called once for each store_new(), when no worker can use that reference any
 * more. */
void store_free(struct sluice_store **s);
/* Any thread: a memory store that needs no configuration. It lives as long as the process. */
const struct sluice_store *store_local(void);

/* Main thread: the store's table of that name, made if need be. For a Redis store, which has no
 * tables, the store itself. */
const struct sluice_store *store_table(const struct sluice_store *s, sluice_str name);
/* Main thread: to be called once for each store_table(), when no worker can use that reference any
 * more. */
void store_table_free(const struct sluice_store **t);
/* Main thread, before workers see new tables: give memory to those that have none. */
void store_settle(void);
/* Bytes that a table of a memory store has. */
uint64_t store_table_bytes(const struct sluice_store *t);

sluice_store_kind store_kind(const struct sluice_store *s);
const char *store_name(const struct sluice_store *s);

/* Connect before the first call, when a worker begins to use the store. Does nothing for a memory
 * store. */
void store_warm(struct worker *w, const struct sluice_store *s);

/* See redis_eval() and redis_send(). timeout_ms 0: the store's own. SLUICE_ERROR for a memory
 * store. */
must_use sluice_status store_eval(struct worker *w, const struct sluice_store *s,
	struct redis_call *c, const struct sluice_script *script, sluice_str key,
	const sluice_str *args, size_t nargs, uint64_t timeout_ms);
must_use sluice_status store_command(struct worker *w, const struct sluice_store *s,
	struct redis_call *c, const sluice_str *argv, size_t argc, uint64_t timeout_ms);

/* Count the result of a plugin's call to a Redis store, also when it could not be sent. */
void store_count(const struct sluice_store *s, sluice_status st);

/* Any thread; the contract is that of sluice_store_cell() and sluice_store_cell_swap(). false for a
 * Redis store. */
must_use bool store_cell(const struct sluice_store *s, sluice_str key, uint64_t now_ns,
	sluice_cell *out);
must_use bool store_cell_swap(sluice_cell *c, uint64_t desired);

#endif
