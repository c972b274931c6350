/* Reading a file whole. See load.h. */
#include "base/load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"

enum { FIRST_BYTES = 4095 }; /* for files that have no size, as in /proc */

/* Up to n bytes, fewer only at the end. */
static ssize_t load_fill(int fd, char *buf, size_t n, uint64_t deadline_ns)
{
	size_t at = 0;
	while (at < n) {
		ssize_t got = read(fd, buf + at, n - at);
		if (got == 0)
			break;
		if (got > 0) {
			at += (size_t)got;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		uint64_t now = clock_ns();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (now >= deadline_ns ||
			poll(&p, 1, (int)((deadline_ns - now) / NS_PER_MS) + 1) == 0)
			return -ETIMEDOUT;
	}
	return (ssize_t)at;
}

static bool load_grow(struct loaded *l, size_t max)
{
	size_t cap = l->cap < (max + 1) / 2 ? 2 * l->cap : max + 1;
	char *p = secret_alloc(cap + 1);
	if (!p)
		return false;
	memcpy(p, l->data, l->len);
	secret_free(l->data, l->cap + 1);
	l->data = p;
	l->cap = cap;
	return true;
}

static int load_all(struct loaded *l, int fd, size_t size, size_t max)
{
	uint64_t deadline = clock_ns() + LOAD_PIPE_S * NS_PER_S;
	l->cap = size < max ? size + 1 : max + 1; /* one byte more than expected, to see the end */
	l->data = secret_alloc(l->cap + 1);
	if (!l->data)
		return -ENOMEM;
	for (;;) {
		ssize_t got = load_fill(fd, l->data + l->len, l->cap - l->len, deadline);
		if (got < 0)
			return (int)got;
		l->len += (size_t)got;
		if (l->len > max)
			return -EFBIG;
		if (l->len < l->cap)
			return 0;
		if (!load_grow(l, max))
			return -ENOMEM;
	}
}

int load_file(struct loaded *l, const char *path, enum load_kind kind, size_t max)
{
	struct stat st;
	*l = (struct loaded){ 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENXIO ? -ENODEV : -errno; /* a socket, a device that is not there */
	int err = fstat(fd, &st) < 0 ? -errno : 0;
	if (!err && S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!err && !S_ISREG(st.st_mode) && !(kind == LOAD_OR_PIPE && S_ISFIFO(st.st_mode)))
		err = -ENODEV;
	else if (!err)
		err = load_all(l, fd, st.st_size > 0 ? (size_t)st.st_size : FIRST_BYTES, max);
	(void)close(fd);
	l->mode = st.st_mode;
	if (err)
		load_free(l);
	return err;
}

void load_free(struct loaded *l)
{
	secret_free(l->data, l->cap + 1);
	*l = (struct loaded){ 0 };
}

const char *load_error(int negative_errno)
{
	if (negative_errno == -EFBIG)
		return "it is too large";
	if (negative_errno == -ENODEV)
		return "it is not a regular file";
	return strerror(-negative_errno);
}
