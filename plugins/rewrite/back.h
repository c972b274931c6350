/* The way back: what a response says of the service's own addresses, as its client knows them. */
#ifndef REWRITE_BACK_H
#define REWRITE_BACK_H

#include "conf.h"

/* What on_request did to an address, in the exchange's state. Zeroed: it did nothing. */
struct trip {
	bool is_on;
	/* the prefix that the client's paths have and the service's have not, and the other way
	 * round; no slash at their ends; empty: none */
	sluice_str outer, inner;
	/* what the client asked for: the host without port, and the whole authority if it is
	 * known */
	sluice_str outer_host, outer_authority;
	sluice_str inner_authority; /* that the service is asked for; empty: the client's */
	bool is_https;              /* the client's scheme */
};

/* Change Location, Content-Location and Set-Cookie of an upstream's response. */
sluice_verdict back_change(sluice_exchange *x, const struct trip *t);

/* The same for one value each. Returns false when it stays as it is; *out is then not set. *failed:
 * the exchange's memory is spent. */
bool back_location(sluice_exchange *x, const struct trip *t, sluice_str value, sluice_str *out,
	bool *failed);
bool back_cookie(sluice_exchange *x, const struct trip *t, sluice_str value, sluice_str *out,
	bool *failed);

#endif
