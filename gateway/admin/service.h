/*
 * What the answers of the admin address need: the process, the workers, and how much of what was
 * answered is still unread. Main thread.
 */
#ifndef ADMIN_SERVICE_H
#define ADMIN_SERVICE_H

#include "admin/admin.h"

struct admin_service {
	struct worker *main;   /* borrowed */
	struct gather *gather; /* owned */
	struct admin_env env;
	struct turn_hook stop;
	size_t unread; /* bytes of answers under way */
};

void service_init(struct admin_service *s, struct worker *main, const struct admin_env *env);
void service_fini(struct admin_service *s);

void service_ask_workers(struct admin_service *s, struct gather_wait *w);
/* Whether answers that clients do not read take much memory already: give no large ones. */
bool service_is_loaded(const struct admin_service *s);
/* Call the process's stop once what was answered is written. */
void service_stop_soon(struct admin_service *s);

#endif
