/* Sinks of log lines. See sink.h. */
#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAST_WORDS_MS = 1000, LAST_WORDS_STEP_MS = 100 };

/* O_NONBLOCK belongs to the open file, which programs started from one shell share. Opening it
 * through /proc gives a new open file of the same pipe or terminal, with its own flags. */
static int sink_reopen(int fd)
{
	char path[] = "/proc/self/fd/0"; /* no printf(): this runs in signal handlers too */
	if (fd > 9)
		return -1;
	path[sizeof(path) - 2] = (char)('0' + fd);
	return open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

void sink_borrow(struct sink *s, int fd)
{
	struct stat st;
	*s = (struct sink){ .fd = fd, .kind = SINK_SHARED };
	if (fstat(fd, &st) < 0) {
		*s = (struct sink){ .fd = -1, .kind = SINK_NONE };
	} else if (S_ISREG(st.st_mode)) {
		s->kind = SINK_FILE;
	} else if (S_ISSOCK(st.st_mode)) {
		s->kind = SINK_SOCKET;
	} else {
		int own = sink_reopen(fd);
		if (own >= 0)
			*s = (struct sink){ .fd = own, .kind = SINK_STREAM };
	}
}

/* A named pipe is opened for reading as well: otherwise it could not be opened without a reader,
 * and writing would fail when the reader leaves. */
static int sink_open_path(const char *path)
{
	const int flags = O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	struct stat st;
	if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		return open(path, O_RDWR | flags);
	return open(path, O_WRONLY | O_CREAT | flags, 0640);
}

int sink_open(struct sink *s, const char *path)
{
	struct stat st;
	bool is_stderr = strcmp(path, "stderr") == 0;
	if (is_stderr || strcmp(path, "stdout") == 0) {
		sink_borrow(s, is_stderr ? STDERR_FILENO : STDOUT_FILENO);
		return s->kind == SINK_NONE ? -EBADF : 0;
	}
	int fd = sink_open_path(path);
	if (fd < 0)
		return errno == ENXIO ? -EINVAL : -errno;
	int err = fstat(fd, &st) < 0                                                 ? -errno
		: S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) ? 0
										     : -EINVAL;
	if (err) {
		(void)close(fd);
		return err;
	}
	*s = (struct sink){ .fd = fd, .kind = S_ISREG(st.st_mode) ? SINK_FILE : SINK_STREAM };
	return 0;
}

void sink_close(struct sink *s)
{
	if (s->fd > STDERR_FILENO)
		(void)close(s->fd);
	*s = (struct sink){ .fd = -1, .kind = SINK_NONE };
}

/* The number of bytes to write at once. A pipe takes up to PIPE_BUF bytes in one piece or not at
 * all. Writing whole lines within that bound keeps them whole where others write to the same
 * pipe. */
static size_t sink_portion(const struct sink *s, sluice_str text)
{
	if (s->kind == SINK_FILE || text.len <= PIPE_BUF)
		return text.len;
	size_t n = PIPE_BUF;
	while (n && text.data[n - 1] != '\n')
		n--;
	if (n)
		return n;
	const char *end = memchr(text.data, '\n', text.len);
	return end ? (size_t)(end + 1 - text.data) : text.len;
}

/* One write that does not wait. */
static ssize_t sink_put(const struct sink *s, const char *data, size_t n)
{
	if (s->kind == SINK_SOCKET)
		return send(s->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (s->kind == SINK_SHARED && !sink_wait(s, 0)) {
		errno = EAGAIN;
		return -1;
	}
	return write(s->fd, data, n);
}

enum io sink_write(struct sink *s, sluice_str text, size_t *n)
{
	*n = 0;
	if (s->kind == SINK_NONE) {
		errno = EBADF;
		return IO_FAIL;
	}
	while (*n < text.len) {
		sluice_str left = str_n(text.data + *n, text.len - *n);
		ssize_t w = sink_put(s, left.data, sink_portion(s, left));
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? IO_AGAIN : IO_FAIL;
		*n += (size_t)w;
	}
	return IO_OK;
}

bool sink_wait(const struct sink *s, int ms)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };
	return s->kind == SINK_FILE || poll(&p, 1, ms) > 0;
}

void sink_last_words(const char *text, size_t len)
{
	struct sink s;
	size_t n;
	sink_borrow(&s, STDERR_FILENO);
	for (int left_ms = LAST_WORDS_MS; len && left_ms > 0; left_ms -= LAST_WORDS_STEP_MS) {
		enum io how = sink_write(&s, str_n(text, len), &n);
		text += n;
		len -= n;
		if (how == IO_FAIL)
			break;
		if (len)
			(void)sink_wait(&s, LAST_WORDS_STEP_MS);
	}
	sink_close(&s);
}
