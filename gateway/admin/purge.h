/* POST /purge: removing stored responses by the tags of sluice/objects.h. Main thread. */
#ifndef ADMIN_PURGE_H
#define ADMIN_PURGE_H

#include "base/str.h"

struct sluice_cache;

enum purge_result {
	PURGE_DONE = 0,
	PURGE_BAD_PARAMETER, /* *bad is the parameter; or there is nothing to remove by */
	PURGE_NO_CACHE       /* *bad is its name */
};

/* How many tags were asked for, and by how many of them something was found. */
struct purge {
	unsigned asked, found;
};

/* Do what the query of the call says. Nothing is removed unless all of it is right. */
must_use enum purge_result purge_run(sluice_str query, struct purge *out, sluice_str *bad);

#endif
