/*
 * The provider of an instance: its endpoints, by OpenID Connect Discovery, and its keys, from a
 * source of ../oauth/. The main thread fetches both and publishes what it knows to the workers.
 */
#ifndef OIDC_PROVIDER_H
#define OIDC_PROVIDER_H

#include "conf.h"

enum endpoint {
	ENDPOINT_AUTHORIZATION,
	ENDPOINT_TOKEN,
	ENDPOINT_USERINFO,
	ENDPOINT_END_SESSION,
	ENDPOINT_PUSHED_REQUEST, /* RFC 9126 */
	ENDPOINT_COUNT,
};

/* What workers see, by sluice_published(). Immutable. */
struct known {
	bool has_document;
	bool names_issuer;                    /* in its answers to browsers (RFC 9207) */
	sluice_str endpoints[ENDPOINT_COUNT]; /* owned; data NULL: it has none */
	struct issuer_keys keys;
};

/* In check(): 0, or -1 with the mistake reported. */
int provider_check(sluice_instance *inst, struct oidc_conf *conf);
void provider_start(const struct oidc_conf *conf);
void provider_stop(struct oidc_conf *conf); /* also when check() failed */
/* on_refresh(): fetch the keys anew, unless min_refresh forbids it. Publishes in any case, so that
 * requests that wait go on. */
void provider_refresh(const struct oidc_conf *conf);

/*
 * Worker: ask for newer keys than `seen`, for a request that waits since since_ns. False: none are
 * to be expected within so many ms. True: the request should wait for a publication.
 */
bool provider_seeks_keys(sluice_exchange *x, const struct oidc_conf *conf,
	const struct issuer_keys *seen, uint64_t since_ns, uint64_t within_ms);
/* Worker: whether the document or the keys are being fetched, or will be within so many ms. */
bool provider_is_coming(const struct oidc_conf *conf, uint64_t within_ms);

/* Read a discovery document of that issuer: NULL, or what is wrong with it. Fills *out, whose
 * strings are on the heap. */
const char *provider_read(sluice_str issuer, sluice_str document, struct known *out);
void known_fini(struct known *k);

#endif
