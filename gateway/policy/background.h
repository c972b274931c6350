/*
 * Work in the background: fetches that an exchange began and that outlive it, on its worker, and
 * commands of stores that their callbacks begin. Each holds the view of its exchange, and so the
 * instance and the stores that it uses. Worker's thread.
 */
#ifndef POLICY_BACKGROUND_H
#define POLICY_BACKGROUND_H

#include "policy/run.h"

enum { BACKGROUND_MAX = 64 }; /* of an instance, on a worker */

/* Drop what is under way of one instance on w; its callbacks do not run. The end of a worker does
 * it for all instances. */
void background_drop(struct worker *w, const struct instance_worker *iw);

/* For the host table; the contracts are those of the public header. */
int host_background(sluice_exchange *x, const sluice_fetch_request *r, sluice_work_fn fn);
int host_work_fetch(sluice_work *k, const sluice_fetch_request *r, sluice_work_fn fn);
sluice_status host_work_command(sluice_work *k, const struct sluice_store *s,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms, void *user,
	sluice_work_store_fn fn);
sluice_instance *host_work_instance(const sluice_work *k);
void *host_work_state(const sluice_work *k);
const void *host_work_published(const sluice_work *k);

#endif
