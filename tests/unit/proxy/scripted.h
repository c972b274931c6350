/*
 * A gateway for tests of exchanges: the routes /plain, /both/x (plugins a and b), /body and /here
 * (a), /down and /empty. The plugins note each hook that runs, and one of them does what the test
 * says.
 */
#ifndef SCRIPTED_H
#define SCRIPTED_H

#include "proxy_kit.h"

/* Hooks so far: q, s or c for request, response or complete, and the plugin: "qa qb sb ". */
extern char scripted_trace[256];
extern const char *scripted_who; /* whose hooks do something: */
extern sluice_hook scripted_request, scripted_response;
/* An answer of the upstream with five bytes of body. */
extern const char scripted_hello[];

/* The gateway stands; "a" does nothing yet. kit_end() takes it away. */
void scripted_begin(void);
/* The same with another configuration. */
void scripted_begin_with(const char *text);
sluice_verdict scripted_refuse(sluice_exchange *x, const void *c); /* 403 no-entry */
sluice_verdict scripted_nap(sluice_exchange *x, const void *c);    /* waits 20 ms */
/* The one request ends so. */
void scripted_assert_done(int status, const char *code);

#endif
