/* Challenges of WWW-Authenticate (RFC 9110 11.6.1): a scheme and its realm. */
#ifndef PLUGINS_SHARED_CHALLENGE_H
#define PLUGINS_SHARED_CHALLENGE_H

#include <sluice/plugin.h>

/* Main thread, in check(): `SCHEME realm="..."` and what follows it. realm: of the option of that
 * name; empty: the name of the instance. It lives as long as the instance. No data: a mistake was
 * reported. */
sluice_str challenge_make(sluice_instance *inst, sluice_str scheme, sluice_str realm,
	sluice_str more);

#endif
