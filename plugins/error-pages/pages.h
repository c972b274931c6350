/* Which pages there are for a status, and which of them a client gets. */
#ifndef PLUGINS_ERROR_PAGES_PAGES_H
#define PLUGINS_ERROR_PAGES_PAGES_H

#include "conf.h"

/* Read the pages of the configuration. 0, or -1 when a mistake was reported. */
int pages_check(sluice_instance *inst, struct error_pages *p);

/* Add what "404", "5xx", "500-504" names to the statuses for which at[] is true. False: it names
 * none. */
bool status_read(sluice_str text, bool at[STATUSES]);

/* whose answer a page would replace */
enum answer_of { OF_GATEWAY, OF_UPSTREAM, OF_NOBODY };

/* The page for a client that says accept, in the place of a body of the media type `media`, which
 * is empty where there is none. NULL: the body stays. */
const struct page *pages_choose(const struct choices *c, sluice_str accept, sluice_str media,
	enum answer_of of);

#endif
