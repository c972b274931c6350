/*
 * Services that take time: each parks the frame that runs, with a deadline, and calls back; or,
 * when the answer is there at once, runs the callback and returns its verdict. Worker's thread. For
 * the host table; the contracts are those of the public header.
 */
#ifndef POLICY_WAIT_H
#define POLICY_WAIT_H

#include "policy/run.h"

sluice_verdict host_await_publish(sluice_exchange *x, uint64_t timeout_ms, sluice_hook then);
sluice_verdict host_sleep(sluice_exchange *x, uint64_t ms, sluice_hook then);
sluice_verdict host_park(sluice_exchange *x, uint64_t timeout_ms, sluice_ticket *ticket,
	sluice_park_fn then);
sluice_verdict host_fetch(sluice_exchange *x, const sluice_fetch_request *r, sluice_fetch_fn then);
sluice_verdict host_store_eval(sluice_exchange *x, const sluice_store *s,
	const sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms, sluice_store_fn then);
sluice_verdict host_store_command(sluice_exchange *x, const sluice_store *s, const sluice_str *argv,
	size_t argc, uint64_t timeout_ms, sluice_store_fn then);

sluice_verdict host_body_wait(sluice_exchange *x, const sluice_body_plan *plan,
	sluice_body_hook then);

/* x->waits_for_body, and the hooks on the body have decided: the request hook that waits for them
 * goes on. on_resumed follows. */
void wait_body_came(sluice_exchange *x);

#endif
