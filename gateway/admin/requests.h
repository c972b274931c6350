/* GET /requests: what is in progress right now, and what it waits for, as JSON. Main thread. */
#ifndef ADMIN_REQUESTS_H
#define ADMIN_REQUESTS_H

#include "admin/gather.h"
#include "base/json.h"

enum { REQUESTS_LIMIT = 100 }; /* unless the query says another */

/* The query of the page, which lives as long as what is said of it. f is zeroed. False: *bad is the
 * parameter that it does not have, or whose value cannot be. */
must_use bool requests_parse(sluice_str query, struct progress_filter *f, sluice_str *bad);
/* One object: the oldest of all workers together, at most limit. */
void requests_write(struct json_out *o, const struct gather_answer *v, unsigned n, size_t limit);

#endif
