/* Where a browser may be sent back to, and which requests a login page is an answer to. */
#ifndef OIDC_TARGET_H
#define OIDC_TARGET_H

#include <sluice/plugin.h>

enum { TARGET_MAX = 1400 }; /* bytes: it is kept in a cookie during the login */

/* Whether a text is a path with or without a query, which no browser takes for another host:
 * "//evil.example" and "/\evil.example" are not. */
bool target_is_local(sluice_str target);

/* Whether the request asks for a page that a person will see: a redirect to a login page answers
 * it. Scripts, images and API clients get a 401. */
bool target_is_navigation(sluice_exchange *x);

/* What the request asks for, to come back to; "/" where that cannot be. */
sluice_str target_of(sluice_exchange *x);

/* A URL of the configuration as it is; or a path, as a URL of the host that the request asked for.
 * data NULL: no memory, or the request has no usable host. */
sluice_str target_absolute(sluice_exchange *x, sluice_str text);

#endif
