/* The options of the plugin rewrite, as bound, and what check() derives of them. Immutable while in
 * force. */
#ifndef REWRITE_CONF_H
#define REWRITE_CONF_H

#include <sluice/plugin.h>

#include "../shared/pieces.h"

enum responses { RESPONSES_KEEP = 0, RESPONSES_REWRITE };

/* A parameter that a replacement sets. */
struct param {
	sluice_str name; /* plain */
	struct pieces value;
};

/* A row of `regex`. */
struct rule {
	sluice_str match, replace;
	struct expression *regex; /* owned; set by check(), as are the next */
	struct pieces path;
	struct param *params;
	size_t n_params;
	bool drops_query; /* the client's query does not stay */
};

struct query {
	sluice_pairs set;
	sluice_strs remove;
	const sluice_template **values; /* of set; set by check() */
};

struct rewrite {
	sluice_strs strip_prefix;
	sluice_blocks regex; /* of struct rule */
	sluice_str path, add_prefix, host;
	struct query query;
	int32_t responses; /* enum responses */
	bool forwarded_prefix;

	/* set by check() */
	sluice_str *strip; /* of strip_prefix, without slashes at their ends */
	const sluice_template *path_text, *add_text, *host_text; /* NULL: there is none */
	/* whether a path that comes of a normal one is normal whatever the request has */
	bool is_sure;
};

/* One worker's state. */
struct rewrite_worker {
	struct expression_scratch *scratch; /* owned; NULL where there is no expression */
};

#endif
