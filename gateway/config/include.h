/*
 * Files that a configuration includes: their trees become one. `include` at the top of a file names
 * others, by path or by pattern, relative to the file that says it; these may include more. Lists
 * of all files are one list, maps one map, in the order in which the files are read: a file first,
 * then what it includes. A block of settings (`runtime`, `admin`, ...) stands in one of them only.
 * Nodes keep the file that they came from. Main thread.
 */
#ifndef CONFIG_INCLUDE_H
#define CONFIG_INCLUDE_H

#include "config/diag.h"
#include "config/env.h"
#include "config/source.h"

enum {
	INCLUDE_DEPTH_MAX = 8,    /* files that include one another */
	INCLUDE_FILES_MAX = 1000, /* of one configuration */
};

/* Where files come from. Results lie in the arena. */
struct include_disk {
	/* The files that a pattern of glob(7) matches, in the order of their names. A negative
	 * errno when that cannot be told. */
	int (*match)(void *ctx, struct arena *a, const char *pattern, sluice_strs *out);
	/* A text that is the same for each name of one file. */
	sluice_str (*identity)(void *ctx, struct arena *a, const char *path);
	/* At most max bytes: 0 or a negative errno, as load_file(). */
	int (*read)(void *ctx, struct arena *a, const char *path, size_t max, sluice_str *out);
	void *ctx;
};
extern const struct include_disk include_from_disk;

/* A configuration of which the first file has been read. */
struct include_args {
	struct arena *arena;
	struct diag *diag;
	const struct env *env;
	const struct include_disk *disk;
	const char *file;               /* the first file, as the user named it */
	size_t size;                    /* its bytes: the sum over all files is bounded */
	const sluice_option *top;       /* options of the top level: which of them are blocks */
	struct config_source **sources; /* the files are added to it */
};

/* The tree of all files. It is root when nothing is included. Mistakes are reported; then the tree
 * has what could be read. */
const struct node *include_files(const struct include_args *args, const struct node *root);

#endif
