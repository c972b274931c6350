/*
 * Runs a fuzz target on files, without a fuzzer: every argument is a file, or a folder whose files
 * are run in order of name. Arguments that start with '-' are libFuzzer's and mean nothing here.
 * One input at a time is in memory, in a heap block of its exact size, so that a sanitizer sees a
 * read past its end. At the end every state that the target marked must have been reached
 * (reach.h).
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_run;

static int replay_fail(const char *path)
{
	(void)fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
	return -1;
}

static int replay_file(const char *path, size_t size)
{
	uint8_t *data = malloc(size ? size : 1);
	FILE *f = fopen(path, "rb");
	int result = -1;

	if (!f || !data || fread(data, 1, size, f) != size) {
		(void)replay_fail(path);
		goto out;
	}
	(void)LLVMFuzzerTestOneInput(data, size);
	n_run++;
	result = 0;
out:
	if (f)
		(void)fclose(f);
	free(data);
	return result;
}

static int replay_folder(const char *path);

static int replay_path(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return replay_fail(path);
	return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path, (size_t)st.st_size);
}

static int replay_folder(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);
	int result = n < 0 ? replay_fail(path) : 0;

	for (int i = 0; i < n; i++) {
		char child[4096];
		int len = snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
		bool hidden = names[i]->d_name[0] == '.';
		free(names[i]);
		if (hidden)
			continue;
		if (len < 0 || (size_t)len >= sizeof(child)) {
			errno = ENAMETOOLONG;
			result = replay_fail(path);
		} else if (replay_path(child) < 0) {
			result = -1;
		}
	}
	if (n >= 0)
		free(names);
	return result;
}

/* How many marks nobody passed. */
static unsigned replay_missed(void)
{
	unsigned n = 0;
	for (struct reach **r = __start_reach; r != __stop_reach; r++) {
		if ((*r)->n == 0) {
			(void)fprintf(stderr, "replay: no input reaches: %s\n", (*r)->what);
			n++;
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	int result = 0;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-' && replay_path(argv[i]) < 0)
			result = 1;
	}
	if (n_run == 0) {
		(void)fprintf(stderr, "replay: no input\n");
		return 1;
	}
	if (replay_missed())
		result = 1;
	(void)printf("replayed %u inputs\n", n_run);
	return result;
}
