/* GET /status: the process, its configuration, its workers and the servers behind it, as JSON. Main
 * thread. */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include "admin/admin.h"
#include "base/json.h"

/* One object. v: the answers of n workers. */
void status_write(struct json_out *o, const struct admin_facts *f, const struct gather_answer *v,
	unsigned n);
/* One object: the configuration in force; NULL writes null. */
void status_write_config(struct json_out *o, const struct snapshot *s);

#endif
