/* What oidc asks of a Redis, on the clock of the kit: a handler for kit_store_handle(). */
#ifndef TESTS_PLUGINS_OIDC_FAKE_REDIS_H
#define TESTS_PLUGINS_OIDC_FAKE_REDIS_H

#include "kit.h"

/* Forget everything, and answer for that store. */
void fake_redis_for(sluice_store *s);
/* Whether it does not answer; and how many of the next commands that write fail. */
void fake_redis_set_down(bool is_down);
void fake_redis_fail_writes(unsigned n);
/* Keys whose names begin so; their values that have that text in them; and commands that were given
 * with that name (`READ` and `INDEX` are the scripts). */
unsigned fake_redis_keys(const char *start);
unsigned fake_redis_values(const char *text);
unsigned fake_redis_commands(const char *name);
/* The milliseconds that the first such key lasts; 0: there is none. */
uint64_t fake_redis_ttl(const char *start);
/* Whether another gateway has every claim: SET with NX does nothing. */
void fake_redis_hold_claims(bool held);
/* A copy of the value of the first such key, which the caller frees; and another one for it. */
char *fake_redis_take(const char *start);
void fake_redis_give(const char *start, const char *value);
/* Members of the index whose key begins so. */
unsigned fake_redis_members(const char *start);
/* The next n DEL are not answered. */
void fake_redis_fail_deletes(unsigned n);
/* Put the value of one such key in the place of another's. */
void fake_redis_swap(const char *start);

#endif
