/*
 * Reads configuration files, and those that they include, and resolves the paths in them, which are
 * relative to the folder of the file that they stand in. Main thread.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "config/include.h"

/* A configuration while it is read. */
struct config {
	struct arena *arena;     /* borrowed: tree, texts and paths live here */
	struct diag *diag;       /* borrowed */
	const struct env *env;   /* borrowed: env_process unless set otherwise */
	const char *file;        /* as the user named it */
	const char *dir;         /* its folder, absolute */
	const struct node *root; /* NULL before the file is read, and when it is not YAML */
	/* borrowed: options of the top level, to be set for a file that may include others; NULL:
	   nothing is included */
	const sluice_option *top;
	const struct include_disk *disk; /* borrowed: include_from_disk unless set otherwise */
	struct config_source *sources;   /* the files, when some are included */
};

void config_init(struct config *c, struct arena *a, struct diag *d);
/* Read and parse the file. 0, or -1 when a mistake was reported. root may be set even then, so that
 * the caller can look for further mistakes. */
must_use int config_load(struct config *c, const char *file);
/* The same with a text; dir is the folder for its relative paths. */
must_use int config_load_text(struct config *c, const char *file, const char *dir, sluice_str text);
/* The folder of the file that the node stands in; NULL: of the first file. */
const char *config_dir(const struct config *c, const struct node *n);
/* The absolute form of a path that stands in n; NUL-terminated, lives in the arena. */
const char *config_path(const struct config *c, const struct node *n, sluice_str path);
/* An address that stands in n: unix:PATH with the path made absolute, any other unchanged. Lives in
 * the arena. */
sluice_str config_address(const struct config *c, const struct node *n, sluice_str address);
/* Read a file that n names, of at most max bytes. out lives in the arena and is NUL-terminated. 0
 * or a negative errno: -EFBIG when it is larger. */
must_use int config_read_file(const struct config *c, const struct node *n, sluice_str path,
	size_t max, sluice_str *out);

/* Read a whole file of at most max bytes into the arena, NUL-terminated. 0 or a negative errno.
 * Only regular files are read; the configuration itself may also come from a pipe. */
must_use int file_read(struct arena *a, const char *path, size_t max, sluice_str *out);
/* The error as a text for messages. */
const char *file_error(int negative_errno);

#endif
