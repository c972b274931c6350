/*
 * A script at work on an exchange. Each hook of the script is called in a coroutine. Where the
 * script waits, the coroutine yields; the service is called when it has, and its callback resumes
 * the coroutine with the result. Where the exchange ends first, the coroutine is dropped.
 */
#ifndef PLUGINS_LUA_RUN_H
#define PLUGINS_LUA_RUN_H

#include "vm.h"

enum want_kind { WANT_NOTHING, WANT_ANSWERED, WANT_SLEEP, WANT_FETCH, WANT_STORE, WANT_BODY };

/* Why the coroutine has yielded. What it points to lies in the exchange's memory. */
struct want {
	enum want_kind kind;
	sluice_verdict verdict;     /* ANSWERED */
	uint64_t ms;                /* SLEEP, STORE */
	sluice_fetch_request fetch; /* FETCH */
	const sluice_str *argv;     /* STORE */
	size_t argc;
	uint64_t max; /* BODY */
};

/* What is kept of an exchange: its sluice_state(). */
struct run {
	struct vm *vm; /* shared: ref, until the exchange ends */
	sluice_exchange *x;
	int context; /* reference to the table of sluice.ctx(); LUA_NOREF: it was not asked for */
	bool has_left;

	/* the call that runs or waits; co.L NULL: there is none */
	struct coroutine co;
	enum hook hook;
	unsigned waits;
	int64_t left;  /* instructions */
	bool has_body; /* the body of the request is here, and may be replaced */
	struct want want;
};

/* Call the script's function for that hook. body: its argument, of HOOK_RESPONSE_BODY. */
sluice_verdict run_hook(sluice_exchange *x, const struct lua_conf *c, enum hook hook,
	sluice_str body);

/* In a function that the script has called: why the hook may not wait, or NULL. */
const char *run_cannot_wait(lua_State *L, const struct run *r);

#endif
