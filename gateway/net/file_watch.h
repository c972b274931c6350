/*
 * Whether a file changes. inotify tells of its folder, so that a file that another is renamed to is
 * seen at once, and the file may be missing; and in case that says nothing (a network file system,
 * no inotify left, a folder that comes later) the file is looked at every few seconds. All watches
 * belong to one worker, the main thread's.
 */
#ifndef NET_FILE_WATCH_H
#define NET_FILE_WATCH_H

#include "net/timer.h"

struct worker;

struct file_watch {
	struct list at; /* in the list of all */
	char *path;     /* owned */
	void (*on_change)(struct file_watch *f);
	int wd;            /* of its folder; negative: none */
	uint64_t stamp[6]; /* what the file was; all 0: it is missing */
	struct timer timer;
};

/* on_change: from the loop, after the file was written, renamed to, removed or made. What it is now
 * counts as known. */
void file_watch_start(struct file_watch *f, struct worker *w, const char *path,
	void (*on_change)(struct file_watch *f));
/* May be called from on_change. */
void file_watch_stop(struct file_watch *f);

#endif
