/* POST /servers: what an operator sets about one server of an upstream. Main thread. */
#ifndef ADMIN_ORDER_H
#define ADMIN_ORDER_H

#include "http/handler.h"
#include "upstream/record.h"

enum order_result {
	ORDER_DONE = 0,
	ORDER_BAD_PARAMETER, /* *bad is the parameter, or what is missing */
	ORDER_NO_SERVER,     /* *bad is its address */
};

enum { ORDER_TEXT = 512 };
struct order {
	struct record_change change;
	char upstream[ORDER_TEXT], address[ORDER_TEXT]; /* decoded: change points there */
	unsigned n; /* servers that it was done to: the same address by several names */
};

/* Do what the query says; who asked stands in the log. */
must_use enum order_result order_run(sluice_str query, const struct conn_info *who,
	struct order *out, sluice_str *bad);

#endif
