/* The options of the plugin headers, as bound, and what check() derives of them. Immutable while in
 * force. */
#ifndef HEADERS_CONF_H
#define HEADERS_CONF_H

#include <sluice/plugin.h>

#include "../shared/pieces.h"

/* A field to set or to add. */
struct rule {
	sluice_str name;
	const sluice_template *value;
};

/* A row of `replace`. */
struct replacement {
	sluice_str field, match, with;

	/* set by check() */
	struct expression *regex; /* owned */
	struct pieces pieces;
};

/* Status codes from first to last. */
struct span {
	uint16_t first, last;
};

/* The changes to the messages of one side. */
struct side {
	sluice_pairs set, add;
	sluice_strs remove;
	sluice_blocks replace; /* struct replacement */
	sluice_strs status;    /* of a response; none: any */

	/* set by check() */
	struct rule *rules; /* first those of set, then those of add */
	struct span *spans; /* one for each of status */
};

struct headers {
	const sluice_condition *when;
	struct side request, response;
};

/* One worker's state. */
struct headers_worker {
	struct expression_scratch *scratch; /* owned; NULL where there is no expression */
};

#endif
