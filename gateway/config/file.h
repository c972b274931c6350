/*
 * Configuration files: reading one whole, and the paths it names, which are relative to its own
 * folder. Main thread.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "config/env.h"

/* One configuration being read. */
struct config {
	struct arena *arena;     /* borrowed: tree, texts and paths live here */
	struct diag *diag;       /* borrowed */
	const struct env *env;   /* borrowed: env_process unless set otherwise */
	const char *file;        /* as the user named it */
	const char *dir;         /* its folder, absolute */
	const struct node *root; /* NULL until the file is read, and when it is no YAML */
};

void config_init(struct config *c, struct arena *a, struct diag *d);
/* Read and parse the file. 0, or -1 when a mistake was reported; root may be there nevertheless,
 * and then is worth a further look for mistakes. */
must_use int config_load(struct config *c, const char *file);
/* The same with a text; dir is where its relative paths begin. */
must_use int config_load_text(struct config *c, const char *file, const char *dir, sluice_str text);
/* The absolute path of what the file names; NUL-terminated, lives in the arena. */
const char *config_path(const struct config *c, sluice_str path);
/* An address as the file gives it: unix:PATH with the path absolute, all others as they are. Lives
 * in the arena. */
sluice_str config_address(const struct config *c, sluice_str address);
/* Read a file the configuration names, at most max bytes. out lives in the arena and is
 * NUL-terminated. 0 or a negative errno: -EFBIG when it is larger. */
must_use int config_read_file(const struct config *c, sluice_str path, size_t max, sluice_str *out);

/* Read a whole file of at most max bytes into the arena, NUL-terminated. 0 or a negative errno, as
 * of load_file(): only regular files are read. (The configuration itself may also come from a
 * pipe.) */
must_use int file_read(struct arena *a, const char *path, size_t max, sluice_str *out);
/* What went wrong, for people. */
const char *file_error(int negative_errno);

#endif
