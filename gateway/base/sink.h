/*
 * Where log lines go: a file, a pipe, a terminal, a device or a socket. Writing never waits:
 * sink_write() says when the sink is full, and sink_wait() waits, with a bound. Flags of a
 * descriptor that other programs may share are not changed.
 */
#ifndef BASE_SINK_H
#define BASE_SINK_H

#include "base/io.h"
#include "base/str.h"

enum sink_kind {
	SINK_NONE,
	SINK_FILE, /* a regular file: a write to it does not wait for long */
	/* a pipe, a terminal, a device: opened anew, without blocking */
	SINK_STREAM,
	/* the same where it could not be opened anew: poll() comes before each write */
	SINK_SHARED,
	SINK_SOCKET, /* such as the journal's */
};

struct sink {
	int fd; /* owned, unless it is a standard descriptor */
	enum sink_kind kind;
};

/* The sink behind a descriptor that stays the caller's: standard error or output.
 * Async-signal-safe. */
void sink_borrow(struct sink *s, int fd);
/* A path, "stderr" or "stdout"; a file is made when there is none. A named pipe is opened whether
 * or not it has a reader; until it has one, the pipe keeps as many lines as it has room for. 0, or
 * a negative errno: -EINVAL for a path to which no lines can be written. */
must_use int sink_open(struct sink *s, const char *path);
void sink_close(struct sink *s);

/* Write whole lines of text, as many as fit now; *n says how many bytes. IO_AGAIN: no room;
 * IO_FAIL: errno says why. */
must_use enum io sink_write(struct sink *s, sluice_str text, size_t *n);
/* Wait until there is room, at most ms milliseconds. False: there is none. */
bool sink_wait(const struct sink *s, int ms);

/* Write all of the text to standard error, before the process ends. Gives up after a second.
 * Async-signal-safe. */
void sink_last_words(const char *text, size_t len);

#endif
