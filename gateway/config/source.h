/*
 * The files of a configuration: which there are, and their folders, from which relative paths are
 * counted. Main thread.
 */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include "base/arena.h"
#include "config/tree.h"

struct config_source {
	const char *file; /* as in the nodes of its tree: the pointer is what is compared */
	const char *dir;  /* absolute */
	struct config_source *next;
};

/* The folder of a file, absolute; in the arena. */
const char *source_folder(struct arena *a, const char *file);
/* The folder of the file that the node stands in; none: that node is NULL, or of no file here. */
const char *source_dir(const struct config_source *all, const struct node *n, const char *none);
/* The absolute form of a path; dir is absolute. NUL-terminated, in the arena. */
const char *source_path(struct arena *a, const char *dir, sluice_str path);

#endif
