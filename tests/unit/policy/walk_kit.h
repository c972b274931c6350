/*
 * An exchange as plugins see it, without a gateway around it: a request, a route of plugins whose
 * hooks do what the test says, and a worker whose time the test owns. What runs is written down in
 * `trace`.
 */
#ifndef WALK_KIT_H
#define WALK_KIT_H

#include <stdio.h>
#include <stdlib.h>

#include "fakewire.h"
#include "policy/run.h"
#include "policy/running.h"
#include "unit.h"

enum { PLUGINS = 4, TRACE = 256 };

/* One plugin of the route. Each hook notes its letter (q, s or c) and number, then does what there
 * is to do. */
struct part {
	sluice_hook on_request, on_response, on_complete; /* NULL: goes on */
	/* of either side; NULL: leaves it; not noted */
	sluice_body_hook on_body;
	/* NULL: chooses none; not noted */
	int (*on_choose)(sluice_exchange *x, const void *conf, const sluice_choice *c);
	unsigned n; /* its number */
};

extern struct part parts[PLUGINS];
extern char trace[TRACE];
extern sluice_exchange *walk; /* the exchange, between walk_begin() and walk_end() */
extern unsigned resumed;      /* how often on_resumed was called, and with what */
extern enum run_result result;
extern struct instance_worker slots[PLUGINS];
extern struct chain_item items[PLUGINS];
extern struct policy walk_policy;
extern unsigned walk_kept; /* references to what holds the instances, of work in the background */

void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int walk_setup(void **state);
int walk_teardown(void **state);

/* A request with these field lines ("a: b\n"), before n plugins. budget 0: enough. */
void walk_begin(unsigned n, const char *lines, size_t budget);
/* The plugins of the route are in these groups of alternatives. v: borrowed. */
struct any_of;
void walk_groups(const struct any_of *v, unsigned n);
void walk_end(void); /* completes it, if the test did not */
enum run_result walk_request(void);
/* A response arrives with this status and no fields. */
enum run_result walk_response(int status);
void walk_complete(void);
/* Services called in between are called by the plugin n. */
void walk_enter(unsigned n);
void walk_leave(void);

/* Of the fields of one side, "name=value," for each that is not dropped. */
const char *fields_text(const struct fields *f);

#endif
