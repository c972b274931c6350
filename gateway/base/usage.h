/*
 * How much of the machine the process uses, and how much there is: memory and descriptors. Reads a
 * few small files below /proc and /sys; nothing of it waits for a disk. Main thread.
 */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <stdint.h>

enum { USAGE_PATH = 512 };

struct usage {
	uint64_t used, limit; /* limit 0: not known, or none */
};

/* Which files tell of memory. */
struct usage_memory {
	/* folder of the control group whose limit is the smallest; "": none has one */
	char group[USAGE_PATH];
	char own[USAGE_PATH]; /* file that tells what this process has */
	uint64_t limit;       /* bytes */
	int version;          /* of control groups: 1 or 2 */
};

/* Find the limit: that of the control groups the process is in, or the machine's where that is
 * less. root: "" but in tests, where /proc and /sys are below it. */
void usage_memory_init(struct usage_memory *m, const char *root);
/* Of a control group with a limit: what all its processes hold that cannot be dropped, sockets
 * included. Else what this process has in memory. */
struct usage usage_memory(const struct usage_memory *m);

/* Descriptors that are open, and the soft limit. known: those that the caller can account for, used
 * where the system does not count them (before Linux 6.2). */
struct usage usage_descriptors(uint64_t known);
/* Those open now, counted one by one: at start, while they are few. */
uint64_t usage_count_descriptors(void);

#endif
