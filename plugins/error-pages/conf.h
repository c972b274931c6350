/* The configuration of the plugin error-pages, and what is derived from it. */
#ifndef PLUGINS_ERROR_PAGES_CONF_H
#define PLUGINS_ERROR_PAGES_CONF_H

#include <sluice/plugin.h>

#include "../shared/network_list.h"

enum {
	STATUS_FIRST = 400,
	STATUS_LAST = 599,
	STATUSES = STATUS_LAST - STATUS_FIRST + 1,
	PAGES_MAX = 64,
	PAGE_BYTES = 256 * 1024
};

/* One page, for some statuses, of one media type. */
struct page {
	sluice_strs status;
	sluice_str file, text, type;
	bool always;

	/* set by check() */
	sluice_str media; /* type without parameters */
	const struct text *body;
};

/* The pages for one status: those of the configuration that name it, the first of each media
 * type. */
struct choices {
	const struct page **v;
	size_t n;
};

enum upstream_pages { UPSTREAM_KEEP, UPSTREAM_PAGES, UPSTREAM_ALL };

struct exceptions {
	sluice_strs paths, addresses;
	struct network_list networks; /* set by check() */
};

struct maintenance {
	bool enabled;
	sluice_str file;
	uint64_t retry_after; /* milliseconds */
	struct exceptions except;
	sluice_str seconds; /* set by check(): of retry_after, for the field */
};

struct error_pages {
	sluice_blocks pages; /* struct page */
	int32_t upstream;    /* enum upstream_pages */
	struct maintenance maintenance;

	/* set by check() */
	struct choices of[STATUSES];
	const sluice_expr *accept;
	bool is_shown; /* main thread: what was published last about maintenance.file */
};

#endif
