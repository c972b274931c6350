/* The configuration of an instance of lua. */
#ifndef PLUGINS_LUA_CONF_H
#define PLUGINS_LUA_CONF_H

#include <sluice/str.h>

#include "../shared/watch.h"

enum { SOURCES_MAX = 64 }; /* the script and its modules */

/* an upstream that the script may choose, by the name that the script uses */
struct lua_upstream {
	sluice_str name;
	const sluice_upstream *upstream;
};

struct lua_metric {
	sluice_str name, help, label;
	int32_t kind;
	const sluice_metric *metric; /* set by check() */
};

/* the files that the present script was made of; main thread */
struct seen {
	struct watched v[SOURCES_MAX];
	size_t n;
};

struct lua_conf {
	sluice_str file, script, modules;
	sluice_pairs options, secrets;
	sluice_exprs facts;
	sluice_strs credentials, words;
	sluice_blocks upstreams; /* struct lua_upstream */
	sluice_blocks metrics;   /* struct lua_metric */
	const sluice_store *store;
	uint64_t instructions, memory, max_body, timeout, refresh;
	bool jit;

	/* set by check() */
	sluice_instance *inst;
	const sluice_metric *errors, *refused_scripts;
	struct program *program; /* shared: ref; the one that was checked, for workers that start */
	struct seen seen;        /* main thread */
};

struct lua_worker {
	struct vm *vm;           /* shared: ref */
	struct program *refused; /* shared: ref; it could not be loaded here */
};

#endif
