/*
 * The issuers that one instance trusts, each with keys of its own: a token's `iss` chooses among
 * these and no others. The main thread keeps the keys and publishes them; workers read what is
 * published.
 */
#ifndef JWT_ISSUERS_H
#define JWT_ISSUERS_H

#include <jansson.h>

#include "source.h"

enum { ISSUERS_MAX = 16 };

enum belief { BELIEF_NONE, BELIEF_HELD, BELIEF_LOST };

struct issuer {
	sluice_str name;         /* what the claim iss must be */
	struct subscription sub; /* to the source of its keys */
	enum belief belief;      /* in its keys; main thread's */
	_Atomic bool wanted;     /* a worker asks for new keys */
};

/* Check the options that concern issuers and keys, and bring what keys can be had without the
 * network: a file's, or those of a source that is in use already (a reload must not make requests
 * wait). Sets conf->trusted. 0, or -1 with errors reported. */
int issuers_check(sluice_instance *inst, struct jwt_conf *conf);
void issuers_start(const struct jwt_conf *conf);
void issuers_stop(const struct jwt_conf *conf); /* also when the check failed */
/* on_refresh(): fetch the keys that workers asked for, if the last time is long enough ago; in any
 * case publish, so that whoever waits goes on. */
void issuers_refresh(sluice_instance *inst, const struct jwt_conf *conf);

/* Worker: the keys of each issuer in a published value, as many as conf->n_trusted; NULL: nothing
 * is published. */
const struct issuer_keys *issuers_keys(const void *published);
/* Worker: which issuer signed by these claims, by its exact name; conf->n_trusted: none of ours. */
size_t issuers_find(const struct jwt_conf *conf, const json_t *claims);
/* Worker: whether keys are on their way to one that has seen these, or will be tried for within so
 * many milliseconds. */
bool issuer_expects_keys(const struct issuer *i, const struct issuer_keys *seen,
	uint64_t within_ms);
/*
 * Worker: the keys that it has seen do not verify a token. Whether newer ones are on their way or
 * will be tried for within so many milliseconds; asks for a fetch itself if it may. since_ns: when
 * that token came: keys fetched after that are new enough.
 */
bool issuer_seeks_keys(sluice_exchange *x, const struct jwt_conf *conf, struct issuer *i,
	const struct issuer_keys *seen, uint64_t since_ns, uint64_t within_ms);

#endif
