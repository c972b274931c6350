/* The option `fetch_proxy` of plugins: the HTTP proxy of their fetches. Main thread. */
#ifndef OAUTH_PROXY_H
#define OAUTH_PROXY_H

#include <sluice/str.h>

/* Bound by proxy_options. As in sluice_fetch_request: url empty: that of `runtime`, "direct":
 * none. */
struct proxy {
	sluice_str url, credentials;
};

extern const sluice_option proxy_options[];

/* Check what was bound to the block of that name. 0, or -1 with the mistake reported. */
int proxy_check(sluice_instance *inst, const char *option, const struct proxy *p);

#endif
