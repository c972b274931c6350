/*
 * A stream over a real socket, on a real loop, that remembers what happened to it; and the other
 * end, which is the test's.
 */
#ifndef PROBE_H
#define PROBE_H

#include <unistd.h>

#include "net/stream.h"
#include "unit.h"

enum { LIMIT_MS = 5000, BIG = 3 * 1024 * 1024 };

/* ---- the loop ------------------------------------------------------------------------------ */

extern struct worker probe_worker;

int probe_setup(void **state);
int probe_teardown(void **state);
/* Run the loop until somebody stops it. False: nobody did in time. */
bool probe_run(unsigned ms);
/* So long nothing happens that stops it. */
void probe_pass(unsigned ms);

#define assert_runs() assert_true(probe_run(LIMIT_MS))

/* ---- a stream, and what happens to it ------------------------------------------------------ */

enum heard { HEARD_OPEN = 1, HEARD_READABLE, HEARD_DRAINED, HEARD_FAIL, HEARD_TIMEOUT };

struct probe {
	struct stream s;
	struct grave grave;
	unsigned opened, readable, drained, failed, timed_out;
	int error;
	bool eof, io_failed;
	size_t got;    /* bytes read and thrown away */
	size_t most;   /* in one fill */
	int stop_on;   /* enum heard: end the loop */
	int close_on;  /* close the stream from within */
	bool leave;    /* on_readable does not read */
	bool one_fill; /* reads once, then resumes */
	bool awaits;   /* more is due: asks the socket once more */
	size_t want;   /* stop when that much was read */
	char first[64];
};

extern const struct stream_user probe_user;

struct probe *probe_new(void);
struct probe *probe_on(int fd);
/* So many bytes are to be written. */
void probe_fill(struct probe *p, size_t n);
/* Closes it. */
void probe_end(struct probe *p);
/* Lingering that is bounded by time alone. The second of two calls does not change the first. */
const struct lingering *probe_linger(uint64_t ns);

/* ---- the other end ------------------------------------------------------------------------- */

/* A socket that listens on 127.0.0.1, and where. */
int probe_listen(struct addr *a, int backlog);
/* fds[0]: for a stream, non-blocking; fds[1]: the test's own, blocking. */
void probe_pair(int fds[2], bool tcp);
void probe_say(int fd, const char *text);
void probe_say_n(int fd, size_t n);
void probe_reset(int fd);
/* Bytes until the end. */
size_t probe_hear_all(int fd);

#endif
