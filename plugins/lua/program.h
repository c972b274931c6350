/*
 * A program: the texts of a script and of the modules that it requires. The main thread reads the
 * files and tries the program in a Lua state of its own; then workers load it from memory, so that
 * no worker reads a file. A program is never changed.
 */
#ifndef PLUGINS_LUA_PROGRAM_H
#define PLUGINS_LUA_PROGRAM_H

#include "conf.h"

enum { REPORT = 1024, MODULE_NAME_MAX = 128 };

struct source {
	char *name;  /* owned; of a module, as it is required; "" for the script */
	char *chunk; /* owned; what error messages call it, as Lua wants it: "@file" or "=text" */
	char *text;  /* owned */
	size_t len;
};

struct program {
	unsigned refs; /* atomic */
	size_t n;
	struct source v[SOURCES_MAX];
};

/* Main thread. Read and try the script. NULL: report says what is wrong. *seen is what was read, or
 * should have been; it is set in both cases. */
struct program *program_build(const struct lua_conf *c, struct seen *seen, char report[REPORT]);

struct program *program_ref(struct program *p);
/* Takes a void *, so that it can free a published value. */
void program_unref(void *program);

/* The module of that name; NULL: the program has none. Any thread. */
const struct source *program_find(const struct program *p, sluice_str name);

/* While a program is built: what its script requires is read by this. */
struct reader {
	const struct lua_conf *conf;
	struct program *program;
	struct seen *seen;
};
/* Read a module. NULL: why says what is wrong. */
const struct source *reader_read(struct reader *r, sluice_str name, char why[REPORT]);

#endif
