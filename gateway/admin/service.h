/*
 * What the answers of the admin address need: the process, the workers, and how many bytes of
 * answers are still unread. Main thread.
 */
#ifndef ADMIN_SERVICE_H
#define ADMIN_SERVICE_H

#include "admin/admin.h"

struct admin_service {
	struct worker *main;   /* borrowed */
	struct gather *gather; /* owned */
	struct admin_env env;
	struct list heirs; /* admin_call.wait of calls that wait for a successor */
	struct turn_hook stop;
	size_t unread; /* bytes of answers that clients have not read yet */
};

void service_init(struct admin_service *s, struct worker *main, const struct admin_env *env);
void service_fini(struct admin_service *s);

void service_ask_workers(struct admin_service *s, struct gather_wait *w);
/* Whether unread answers take so much memory that no large one should be made. */
bool service_is_loaded(const struct admin_service *s);
/* Call the process's stop once the answers are written. */
void service_stop_soon(struct admin_service *s);

#endif
