/*
 * What the `stores` block declares, and what plugins reach through the host table: memory stores
 * that hold cells, Redis stores that run scripts and commands. A store that the next snapshot
 * declares the same way, secrets and the files of TLS included, is the same object, so that counts
 * and connections survive reloads.
 *
 * A memory store has tables: stores of their own for plugins, which share its memory. What fills
 * one takes no place in another. A table gets its memory when the configuration that first names it
 * is whole, and keeps that size and what it counted as long as some instance has it: the new ones
 * of a reload share what the others left, and get STORE_TABLE_MIN at least.
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

/* Main thread: the store of that name and kind that is there, or a new one: options are checked,
 * the files of tls read, memory taken; no network. args are read before it returns. NULL when an
 * error was reported. */
must_use struct sluice_store *store_new(const struct store_args *args);
/* Main thread, as often as store_new() gave it out, each time when no worker can reach it through
 * that one any more. */
void store_free(struct sluice_store **s);
/* Any thread: the memory store that is there without configuration. Lives as long as the
 * process. */
const struct sluice_store *store_local(void);

/* Main thread: the store's table of that name, or a new one. A Redis store itself has none, and is
 * given back. */
const struct sluice_store *store_table(const struct sluice_store *s, sluice_str name);
/* Main thread, as often as store_table() gave it out, each time when no worker can reach it through
 * that one any more. */
void store_table_free(const struct sluice_store **t);
/* Main thread, before workers see the new ones: give memory to tables that have none. */
void store_settle(void);
/* Bytes that a table of a memory store has. */
uint64_t store_table_bytes(const struct sluice_store *t);

sluice_store_kind store_kind(const struct sluice_store *s);
const char *store_name(const struct sluice_store *s);

/* A worker began to use the store: connect in good time. Does nothing for a memory store. */
void store_warm(struct worker *w, const struct sluice_store *s);

/* See redis_eval() and redis_send(). timeout_ms 0: the store's own. SLUICE_ERROR for a memory
 * store. */
must_use sluice_status store_eval(struct worker *w, const struct sluice_store *s,
	struct redis_call *c, const struct sluice_script *script, sluice_str key,
	const sluice_str *args, size_t nargs, uint64_t timeout_ms);
must_use sluice_status store_command(struct worker *w, const struct sluice_store *s,
	struct redis_call *c, const sluice_str *argv, size_t argc, uint64_t timeout_ms);

/* Count how a call of a plugin to a Redis store ended, or that it could not begin. */
void store_count(const struct sluice_store *s, sluice_status st);

/* Any thread; the contract is that of sluice_store_cell() and sluice_store_cell_swap(). false for a
 * Redis store. */
must_use bool store_cell(const struct sluice_store *s, sluice_str key, uint64_t now_ns,
	sluice_cell *out);
must_use bool store_cell_swap(sluice_cell *c, uint64_t desired);

#endif
