/* How long a request waits for keys. See the header. */
#include "key_wait.h"

#include "issuers.h"

/* No key has the kid, or the key with the kid does not verify the token, since some issuers give an
 * old kid to a new key. */
bool key_wait_might_help(enum reason why)
{
	return why == REASON_JWKS_UNAVAILABLE || why == REASON_TOKEN_KEY_UNKNOWN ||
		why == REASON_TOKEN_SIGNATURE || why == REASON_TOKEN_KEY_ALGORITHM;
}

/* How much longer it may wait, in ms. */
static uint64_t time_left(const struct jwt_conf *conf, const struct key_wait *p)
{
	uint64_t waited = (sluice_now_ns() - p->since_ns) / 1000000;
	return waited < conf->key_wait ? conf->key_wait - waited : 0;
}

uint64_t key_wait_left(sluice_exchange *x, const struct jwt_conf *conf, struct key_wait *p,
	const struct key_lack *lack)
{
	const struct issuer_keys *seen = lack->seen;
	if (!p->since_ns)
		p->since_ns = sluice_now_ns();
	p->why = lack->why;
	p->generation = seen->keys ? seen->keys->generation : 0;
	uint64_t left = time_left(conf, p);
	bool may_come = left > 0 &&
		(seen->keys ? issuer_seeks_keys(x, conf, lack->issuer, seen, p->since_ns, left)
			    : issuer_expects_keys(lack->issuer, seen, left));
	return may_come ? left : 0;
}
