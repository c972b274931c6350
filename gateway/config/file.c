/* Configuration files. Main thread. */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/yaml.h"

enum { PIPE_WAIT_MS = 5000 };

void config_init(struct config *c, struct arena *a, struct diag *d)
{
	*c = (struct config){ .arena = a, .diag = d, .env = &env_process, .file = "configuration", .dir = "/" };
}

/* Up to n bytes, fewer only at the end. Descriptors do not block: a pipe nobody writes to must not stop the main thread. */
static ssize_t file_fill(int fd, char *buf, size_t n)
{
	size_t at = 0;
	while (at < n) {
		ssize_t got = read(fd, buf + at, n - at);
		if (got == 0)
			break;
		if (got > 0) {
			at += (size_t)got;
		} else if (errno == EAGAIN) {
			struct pollfd p = { .fd = fd, .events = POLLIN };
			if (poll(&p, 1, PIPE_WAIT_MS) == 0)
				return -ETIMEDOUT;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return (ssize_t)at;
}

/* Doubles the buffer until the end of the file is seen. *buf is the caller's to free, also after a failure. */
static ssize_t file_slurp(int fd, size_t size, size_t max, char **buf, size_t *cap)
{
	size_t n = 0;
	*cap = size < max ? size + 1 : max + 1; /* one byte more shows that there is no more */
	*buf = malloc(*cap);
	if (!*buf)
		return -ENOMEM;
	for (;;) {
		ssize_t got = file_fill(fd, *buf + n, *cap - n);
		if (got < 0)
			return got;
		n += (size_t)got;
		if (n > max)
			return -EFBIG;
		if (n < *cap)
			return (ssize_t)n;
		size_t grown = *cap < (max + 1) / 2 ? 2 * *cap : max + 1;
		char *p = malloc(grown); /* not realloc(): what is outgrown may be a secret, and is wiped */
		if (!p)
			return -ENOMEM;
		memcpy(p, *buf, n);
		explicit_bzero(*buf, *cap);
		free(*buf);
		*buf = p;
		*cap = grown;
	}
}

int file_read(struct arena *a, const char *path, size_t max, sluice_str *out)
{
	struct stat st;
	char *buf = NULL;
	size_t cap = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	ssize_t n = fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
	if (n == 0)
		n = file_slurp(fd, st.st_size > 0 ? (size_t)st.st_size : 4095, max, &buf, &cap);
	(void)close(fd);
	if (n >= 0)
		*out = arena_str(a, str_n(buf, (size_t)n));
	if (buf)
		explicit_bzero(buf, cap);
	free(buf);
	return n < 0 ? (int)n : out->data ? 0 : -ENOMEM;
}

const char *file_error(int negative_errno)
{
	return negative_errno == -EFBIG ? "it is too large" : strerror(-negative_errno);
}

/* The folder of a file, absolute. */
static const char *folder_of(struct arena *a, const char *file)
{
	char cwd[4096];
	const char *slash = strrchr(file, '/');
	int n = slash == file ? 1 : slash ? (int)(slash - file) : 0;

	if (*file == '/')
		return arena_printf(a, "%.*s", n, file).data;
	if (!getcwd(cwd, sizeof(cwd)))
		return arena_printf(a, "%.*s", n ? n : 1, n ? file : ".").data;
	return arena_printf(a, "%s%s%.*s", cwd, n ? "/" : "", n, file).data;
}

int config_load_text(struct config *c, const char *file, const char *dir, sluice_str text)
{
	unsigned before = c->diag->n_errors;
	c->file = arena_str(c->arena, str_of(file)).data;
	c->dir = arena_str(c->arena, str_of(dir)).data;
	c->root = yaml_parse(c->arena, c->diag, c->env, file, text);
	return c->diag->n_errors > before ? -1 : 0;
}

int config_load(struct config *c, const char *file)
{
	struct arena scratch;
	sluice_str text;
	arena_init(&scratch, 0);
	int rc = file_read(&scratch, file, YAML_SIZE_MAX, &text);
	if (rc < 0)
		rc = diag_error(c->diag, &(struct mark){ .file = file }, "cannot read the file: %s", file_error(rc));
	else
		rc = config_load_text(c, file, folder_of(c->arena, file), text);
	arena_fini(&scratch);
	return rc;
}

const char *config_path(const struct config *c, sluice_str path)
{
	if (str_starts(path, STR("/")))
		return arena_str(c->arena, path).data;
	while (str_starts(path, STR("./")))
		path = str_n(path.data + 2, path.len - 2);
	return arena_printf(c->arena, "%s%s%.*s", c->dir, strcmp(c->dir, "/") == 0 ? "" : "/", STR_ARG(path)).data;
}

sluice_str config_address(const struct config *c, sluice_str address)
{
	if (!str_starts(address, STR("unix:")) || address.len == 5)
		return address;
	return arena_printf(c->arena, "unix:%s", config_path(c, str_n(address.data + 5, address.len - 5)));
}

int config_read_file(const struct config *c, sluice_str path, size_t max, sluice_str *out)
{
	return file_read(c->arena, config_path(c, path), max, out);
}
