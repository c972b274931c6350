/*
 * Watching a file, so that a plugin uses what it says without a reload. Compiled into each module
 * that needs it. Main thread.
 *
 * A plugin reads a file in check() by watch_first(), and looks at it in its timer by watch_look().
 * The interface has no path that could be given to stat(), so that a look reads the file and
 * compares a digest; at some megabytes every few seconds that is a matter of milliseconds. It does
 * not depend on times of files, and sees a file that was replaced as well as one that was written
 * in place.
 *
 * A content is taken when two looks in a row have found it, so that a file that somebody is just
 * writing is not taken half. As long as a file moves, WATCH_SOON_MS is the time to the next look.
 */
#ifndef PLUGINS_SHARED_WATCH_H
#define PLUGINS_SHARED_WATCH_H

#include <sluice/str.h>

#define WATCH_SOON_MS UINT64_C(250)

struct watched {
	sluice_str path; /* borrowed: as long as the instance */
	size_t max;      /* bytes; a longer file cannot be read */
	uint64_t taken;  /* digest of the content that the plugin was given last */
	uint64_t seen;   /* digest of the content at the last look */
	int error;       /* of the last look: a negative errno, or 0 */
};

/* In check(): read the file, whose path and max are set. 0, or a negative errno, which
 * watch_error() says in words. text lives as long as the instance. */
int watch_first(sluice_instance *inst, struct watched *f, sluice_str *text);

/* In a timer: look at the file. True: it has a new content, which counts as taken, whatever the
 * plugin makes of it. text lives until the timer's function returns. A file that cannot be read
 * changes nothing; the log says so once, and once more when it can be read again. */
bool watch_look(sluice_instance *inst, struct watched *f, sluice_str *text);

/* Whether the file has another content than at the look before, so that the next look should come
 * soon. */
bool watch_is_moving(const struct watched *f);

/* What a negative errno of a file means, for "cannot read FILE: ...". */
const char *watch_error(int negative_errno);

#endif
