/*
 * Where log lines go: a file, a pipe, a terminal, a device or a socket. Writing never waits: a sink
 * that is full says so, and waiting for it, with a bound, is a call of its own. Flags of a
 * descriptor that other programs may share are left alone.
 */
#ifndef BASE_SINK_H
#define BASE_SINK_H

#include "base/io.h"
#include "base/str.h"

enum sink_kind {
	SINK_NONE,
	SINK_FILE, /* a regular file: it takes everything, soon */
	/* a pipe, a terminal, a device: through a description of our own, which does not block */
	SINK_STREAM,
	/* the same, but the system let us have no description of our own: poll() comes first */
	SINK_SHARED,
	SINK_SOCKET, /* such as the journal's */
};

struct sink {
	int fd; /* owned where it is none of the standard descriptors */
	enum sink_kind kind;
};

/* The sink behind a descriptor that stays the caller's: standard error or output.
 * Async-signal-safe. */
void sink_borrow(struct sink *s, int fd);
/* A path, "stderr" or "stdout"; a file is made when there is none. A named pipe is opened whether
 * or not somebody reads it: its lines wait in it, as many as there is room for. 0, or a negative
 * errno: -EINVAL for what is no place for lines. */
must_use int sink_open(struct sink *s, const char *path);
void sink_close(struct sink *s);

/* Write whole lines of text, as many as fit now; *n says how many bytes. IO_AGAIN: no room;
 * IO_FAIL: errno says why. */
must_use enum io sink_write(struct sink *s, sluice_str text, size_t *n);
/* Wait until there is room, at most ms milliseconds. False: there is none. */
bool sink_wait(const struct sink *s, int ms);

/* For the last words of a process: write all of it to standard error, giving up after a second.
 * Async-signal-safe. */
void sink_last_words(const char *text, size_t len);

#endif
