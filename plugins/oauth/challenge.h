/*
 * Challenges of WWW-Authenticate (RFC 9110 11.6.1), written once when the configuration is checked:
 * a scheme, its realm, and the parameters that the scheme has. For every plugin that refuses for
 * want of credentials. Compiled into each module that needs it.
 */
#ifndef OAUTH_CHALLENGE_H
#define OAUTH_CHALLENGE_H

#include <sluice/plugin.h>

/* name="value"; an empty value: the parameter is left out */
struct challenge_param {
	const char *name;
	sluice_str value;
};

/* Main thread, in check(): `SCHEME realm="..."` and the parameters, in their order. realm: of the
 * option of that name; empty: the name of the instance. The values are printable ASCII
 * (challenge_printable()). It lives as long as the instance. */
sluice_str challenge_make(sluice_instance *inst, sluice_str scheme, sluice_str realm,
	const struct challenge_param *v, size_t n);

/* In check(): whether the value of the option can stand in a challenge; else the mistake is
 * reported. */
bool challenge_printable(sluice_instance *inst, const char *option, sluice_str value);

#endif
