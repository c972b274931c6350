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

/* Where the numbers about memory are read. */
struct usage_memory {
	/* folder of the control group with the smallest limit; "": none has a limit */
	char group[USAGE_PATH];
	char own[USAGE_PATH]; /* file with the memory of this process */
	uint64_t limit;       /* bytes */
	int version;          /* of control groups: 1 or 2 */
};

/* Find the limit: the smallest of the control groups that the process is in, or the machine's
 * memory where that is less. root: "", or in tests a folder that has /proc and /sys. */
void usage_memory_init(struct usage_memory *m, const char *root);
/* In a control group with a limit: the memory of all its processes that the kernel cannot drop,
 * sockets included. Else the memory of this process. */
struct usage usage_memory(const struct usage_memory *m);

/* Open descriptors, and the soft limit. known: the caller's own count, used where the system does
 * not count them (before Linux 6.2). */
struct usage usage_descriptors(uint64_t known);
/* Open descriptors, counted one by one: for use at start, while they are few. */
uint64_t usage_count_descriptors(void);

#endif
