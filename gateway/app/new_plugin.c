/*
 * sluice new-plugin: copies the template of a plugin, with a name of its own in the place of the
 * template's, in texts and in names of files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/beside.h"
#include "app/command.h"
#include "base/mem.h"

enum { NAME_MAX_LEN = 64, FILE_LIMIT = 1 << 20 };

/* What the template is called: as a plugin, and as a part of C names and names of files. */
static const char old_name[] = "require-header", old_c_name[] = "require_header";

struct copy {
	const char *from, *to; /* folders */
	const char *name;
	char c_name[NAME_MAX_LEN + 1]; /* with '_' for '-' */
};

static int complain(const char *what, const char *path)
{
	(void)fprintf(stderr, "sluice new-plugin: %s %s: %s\n", what, path, strerror(errno));
	return -1;
}

/* A name that a module may have. */
static bool name_is_good(const char *name)
{
	size_t n = strlen(name);
	return n > 0 && n <= NAME_MAX_LEN && name[0] >= 'a' && name[0] <= 'z' &&
		name[n - 1] != '-' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* text with both names replaced. The caller frees it. */
static char *renamed(const struct copy *c, const char *text, size_t *len)
{
	size_t n = strlen(old_name), room = 0;
	char *out = NULL;
	FILE *to = open_memstream(&out, &room);
	while (to && *text) {
		if (strncmp(text, old_name, n) == 0) {
			(void)fputs(c->name, to);
			text += n;
		} else if (strncmp(text, old_c_name, n) == 0) {
			(void)fputs(c->c_name, to);
			text += n;
		} else {
			(void)fputc(*text++, to);
		}
	}
	if (!to || fclose(to) != 0)
		return NULL;
	*len = room;
	return out;
}

/* The whole file. The caller frees it; NULL: it was reported. */
static char *file_text(const char *path)
{
	char *text = mem_array(char, FILE_LIMIT + 1);
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, FILE_LIMIT, f) : 0;
	bool ok = f && !ferror(f);
	if (!ok)
		(void)complain("cannot read", path);
	if (f)
		(void)fclose(f);
	text[n] = 0;
	if (!ok)
		free(text), text = NULL;
	return text;
}

static int file_write(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return complain("cannot create", path);
	while (len) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			(void)complain("cannot write", path);
			(void)close(fd);
			return -1;
		}
		text += n;
		len -= (size_t)n;
	}
	return close(fd) < 0 ? complain("cannot write", path) : 0;
}

static int copy_file(const struct copy *c, const char *file)
{
	char from[BESIDE_PATH], to[BESIDE_PATH];
	size_t len = 0, name_len = 0;
	int rc = -1;
	char *name = renamed(c, file, &name_len);
	int n = snprintf(from, sizeof(from), "%s/%s", c->from, file);
	int m = snprintf(to, sizeof(to), "%s/%s", c->to, name ? name : "");
	char *text = n < (int)sizeof(from) && m < (int)sizeof(to) ? file_text(from) : NULL;
	char *out = text && name ? renamed(c, text, &len) : NULL;
	if (out)
		rc = file_write(to, out, len);
	free(out);
	free(text);
	free(name);
	return rc;
}

static int copy_all(const struct copy *c)
{
	DIR *d = opendir(c->from);
	const struct dirent *e;
	int rc = 0;
	if (!d)
		return complain("cannot read", c->from);
	while (rc == 0 && (e = readdir(d))) {
		size_t n = strlen(e->d_name);
		/* neither hidden files nor what a build has left */
		if (e->d_name[0] != '.' && !(n > 3 && strcmp(e->d_name + n - 3, ".so") == 0))
			rc = copy_file(c, e->d_name);
	}
	(void)closedir(d);
	return rc;
}

/* Where the template lies: beside the program as it is installed, else where it was to be. */
static const char *template_folder(char path[BESIDE_PATH])
{
	struct stat st;
	if (beside_program(path, "../share/sluice/plugin-template") && stat(path, &st) == 0)
		return path;
	return SLUICE_DATA_DIR "/plugin-template";
}

static int create(const struct copy *c)
{
	struct stat st;
	if (stat(c->from, &st) < 0) {
		(void)complain("there is no template at", c->from);
		(void)fprintf(stderr,
			"    hint: --template DIR names one: contrib/plugin-template of the "
			"sources\n");
		return 1;
	}
	if (mkdir(c->to, 0777) < 0) {
		(void)complain("nothing is written to", c->to);
		return 1;
	}
	if (copy_all(c) < 0)
		return 1;
	(void)printf("%s: a plugin that refuses requests without a header field. Now:\n\n"
		     "    cd %s\n"
		     "    make            builds %s.so\n"
		     "    make test       runs the cases of test.yaml with it\n\n"
		     "Then change %s.c and test.yaml. The guide is docs/plugins/authoring.md.\n",
		c->to, c->to, c->name, c->c_name);
	return 0;
}

int command_new_plugin(struct command *c)
{
	static const struct option longs[] = { { "template", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 } };
	char path[BESIDE_PATH];
	struct copy copy = { .from = NULL };
	int opt;
	optind = 1;
	while ((opt = getopt_long(c->argc, c->argv, "", longs, NULL)) != -1) {
		if (opt != 't')
			return 2;
		copy.from = optarg;
	}
	if (c->argc - optind < 1 || c->argc - optind > 2) {
		(void)fprintf(stderr, "usage: sluice new-plugin NAME [DIR] [--template DIR]\n");
		return 2;
	}
	copy.name = c->argv[optind];
	copy.to = optind + 1 < c->argc ? c->argv[optind + 1] : copy.name;
	if (!name_is_good(copy.name)) {
		(void)fprintf(stderr,
			"sluice new-plugin: \"%s\" cannot be the name of a plugin: small letters, "
			"digits and '-', a letter first\n",
			copy.name);
		return 2;
	}
	for (size_t i = 0; i <= strlen(copy.name); i++)
		copy.c_name[i] = (char)(copy.name[i] == '-' ? '_' : copy.name[i]);
	if (!copy.from)
		copy.from = template_folder(path);
	return create(&copy);
}
