/* GET /requests: the requests in progress and what they wait for, as JSON. Main thread. */
#ifndef ADMIN_REQUESTS_H
#define ADMIN_REQUESTS_H

#include "admin/gather.h"
#include "base/json.h"

enum { REQUESTS_LIMIT = 100 }; /* when the query gives no limit */

/* Read the page's query into f, which is zeroed and borrows from it. False: *bad is the parameter
 * that does not exist or has a wrong value. */
must_use bool requests_parse(sluice_str query, struct progress_filter *f, sluice_str *bad);
/* Write one object: the oldest requests of all workers together, at most limit. */
void requests_write(struct json_out *o, const struct gather_answer *v, unsigned n, size_t limit);

#endif
