/*
 * Reading a file whole: configurations, certificates, keys, secrets. All such reads go through
 * here, because a path in a configuration can be wrong in three ways: it names a pipe or a device,
 * on which open() or read() waits for ever; it names something without end; or others can read the
 * file although it is a secret. Any thread.
 */
#ifndef BASE_LOAD_H
#define BASE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/check.h"

enum load_kind {
	LOAD_REGULAR, /* a regular file */
	/* a regular file, or a pipe such as a shell's <(command), which must end within
	 * LOAD_PIPE_S */
	LOAD_OR_PIPE,
};
enum { LOAD_PIPE_S = 5 };

struct loaded {
	char *data; /* owned: memory for secrets, NUL-terminated */
	size_t len, cap;
	mode_t mode; /* mode of the file */
};

/* Read at most max bytes. 0 or a negative errno, with nothing to free: -EFBIG when it is larger,
 * -EISDIR for a folder, -ENODEV when it is not a regular file, -ETIMEDOUT for a pipe whose writer
 * takes too long. */
must_use int load_file(struct loaded *l, const char *path, enum load_kind kind, size_t max);
void load_free(struct loaded *l);
/* The error in words, for people. */
const char *load_error(int negative_errno);

#endif
