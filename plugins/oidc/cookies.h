/*
 * Cookies of a request, and those that we set (RFC 6265, RFC 6265bis). Over https each name begins
 * with `__Host-`, so that no other host and no plain connection can set it. A value that is too
 * long for one cookie goes into several: NAME, NAME.1, NAME.2. The first begins with their number.
 */
#ifndef OIDC_COOKIES_H
#define OIDC_COOKIES_H

#include "conf.h"

enum {
	COOKIE_PIECE = 3800, /* characters of a value in one cookie */
	COOKIE_PIECES = 4,   /* cookies of one value, at most */
	COOKIE_MAX = COOKIE_PIECE * COOKIE_PIECES - 2,
	COOKIE_NAME = 64, /* bytes of the option, at most */
};

/* A name of ours as it stands in this request: prefix, option, ending. */
struct cookie_name {
	char text[COOKIE_NAME + 48];
	bool is_secure; /* over TLS alone */
	size_t len;
};

/* The name of the session's cookie, or that of a login, which ends with "-login-WORD". */
struct cookie_name cookies_session(sluice_exchange *x, const struct oidc_conf *conf);
struct cookie_name cookies_login(sluice_exchange *x, const struct oidc_conf *conf, sluice_str word);

/* The next cookie of the request: *iter and *rest begin zeroed. */
bool cookies_next(sluice_exchange *x, size_t *iter, sluice_str *rest, sluice_pair *out);
/* The value of that name, joined from its pieces; data NULL: it has none, or a piece is missing. In
 * memory of the exchange. */
sluice_str cookies_value(sluice_exchange *x, const struct cookie_name *name);
/* Pieces of a value, from the first piece: 1 to COOKIE_PIECES; 0: it is none of ours. */
size_t cookies_pieces(sluice_str first);

/* Set it with the response; max_age in seconds, 0: until the browser ends. Pieces of a former,
 * longer value are taken away. False: it is longer than COOKIE_MAX, or there is no memory. */
bool cookies_set(sluice_exchange *x, const struct cookie_name *name, sluice_str value,
	uint64_t max_age);
/* Take it away, with all pieces that the request has. */
void cookies_remove(sluice_exchange *x, const struct cookie_name *name);

/* Take the cookies of the instance from what the upstream gets. False: no memory. */
bool cookies_strip(sluice_exchange *x, const struct oidc_conf *conf);

#endif
