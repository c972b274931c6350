/*
 * What the main thread gets from the authorization server and publishes to the workers: the token
 * of client credentials, fetched anew ahead of its end; and the token endpoint, where an issuer is
 * to be asked for it. One fetch at a time, for all workers and requests. While fetches fail, they
 * are tried again with growing pauses, and what is there is used for as long as it is good.
 */
#ifndef UPSTREAM_TOKEN_SUPPLY_H
#define UPSTREAM_TOKEN_SUPPLY_H

#include <stdatomic.h>

#include "conf.h"

/* What workers see, by sluice_published(). Immutable. */
struct supplied {
	sluice_str endpoint; /* owned; data NULL: not found yet, or not looked for */
	sluice_str value;    /* owned: the value of the field; data NULL: there was no token yet */
	uint64_t until_ns;   /* the token is good until then */
	uint64_t n;          /* how many there were, this one included */
	/* an upstream has refused the token, and another one is on its way */
	bool is_doubted;
};

/* Main thread. In check(): 0, or -1 with the mistake reported; supply_stop() in both cases. */
int supply_check(sluice_instance *inst, struct token_conf *conf);
void supply_start(const struct token_conf *conf);
void supply_stop(struct token_conf *conf);
/* on_refresh(): an upstream has refused the token, or exchanges begin or cease to fail. */
void supply_refresh(const struct token_conf *conf);

/* Worker: whether requests may be sent with it. */
static inline bool supplied_is_good(const struct supplied *s)
{
	return s && s->value.data && !s->is_doubted && sluice_now_ns() < s->until_ns;
}
/* Worker: whether something newer than what it has seen is on its way, or will be within so many
 * ms. */
bool supply_is_coming(const struct token_conf *conf, const struct supplied *seen,
	uint64_t within_ms);
/* Worker: an upstream has answered 401 to the token. At most once in min_refresh does this lead to
 * a new one. */
void supply_doubt(sluice_exchange *x, const struct token_conf *conf);
/* Worker: an exchange of tokens failed, or NULL: it did not. Whether that is news. */
bool supply_note_exchange(sluice_exchange *x, const struct token_conf *conf, const char *wrong);

#endif
