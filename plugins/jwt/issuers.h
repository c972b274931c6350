/*
 * The issuers that one instance trusts, each with keys of its own: a token's `iss` must be one of
 * them. The main thread holds the keys and publishes them to the workers.
 */
#ifndef JWT_ISSUERS_H
#define JWT_ISSUERS_H

#include <jansson.h>

#include "../oauth/source.h"
#include "conf.h"

enum { ISSUERS_MAX = 16 };

enum belief { BELIEF_NONE, BELIEF_HELD, BELIEF_LOST };

struct issuer {
	sluice_str name;         /* what the claim iss must be */
	struct subscription sub; /* to the source of its keys */
	enum belief belief;      /* in its keys; main thread only */
	_Atomic bool wanted;     /* a worker asks for new keys */
};

/* Check the options of issuers and keys, and load the keys that need no network: those of a file,
 * or of a source that is already in use, so that requests need not wait after a reload. Sets
 * conf->trusted. 0, or -1 with errors reported. */
int issuers_check(sluice_instance *inst, struct jwt_conf *conf);
void issuers_start(const struct jwt_conf *conf);
void issuers_stop(const struct jwt_conf *conf); /* also when the check failed */
/* on_refresh(): fetch the keys that workers asked for, unless min_refresh forbids it. Publish in
 * any case, so that waiting requests go on. */
void issuers_refresh(sluice_instance *inst, const struct jwt_conf *conf);

/* Worker: the keys of each issuer in a published value, as many as conf->n_trusted; NULL: nothing
 * is published. */
const struct issuer_keys *issuers_keys(const void *published);
/* Worker: what is known of the deny list, in a published value; NULL, for want of memory: nothing,
 * and nothing is to be waited for. */
const struct deny_view *issuers_deny(const void *published);
/* Main thread: publish anew where has_news, and set the timer anew. */
void issuers_changed(sluice_instance *inst, const struct jwt_conf *conf, bool has_news);
/* Worker: index of the issuer that `iss` names, see issuer_name.h; conf->n_trusted: it is not
 * trusted. */
size_t issuers_find(const struct jwt_conf *conf, const json_t *claims);
/* Worker: whether newer keys than `seen` are being fetched, or will be within so many
 * milliseconds. */
bool issuer_expects_keys(const struct issuer *i, const struct issuer_keys *seen,
	uint64_t within_ms);
/*
 * Worker: `seen` does not verify a token. Whether newer keys are being fetched or will be within so
 * many milliseconds; asks for a fetch if min_refresh permits. since_ns: when the token came: keys
 * fetched after that are new enough.
 */
bool issuer_seeks_keys(sluice_exchange *x, const struct jwt_conf *conf, struct issuer *i,
	const struct issuer_keys *seen, uint64_t since_ns, uint64_t within_ms);

#endif
