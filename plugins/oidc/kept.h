/* How it stands with the session of a request, for those who keep it and those who ask. */
#ifndef OIDC_KEPT_H
#define OIDC_KEPT_H

#include <sluice/plugin.h>

struct oidc_conf;

enum kept {
	KEPT_GOOD,
	KEPT_NONE,      /* there is no session */
	KEPT_DOWN,      /* the store does not say */
	KEPT_TOO_LARGE, /* it cannot be kept */
};

/* What goes on then: at once, or after a wait for the store. */
typedef sluice_verdict (*kept_fn)(sluice_exchange *x, const struct oidc_conf *conf, enum kept how);

#endif
