/* Signing a request that is about to be sent: see attempt.c. Worker. */
#ifndef PLUGINS_UPSTREAM_SIGNATURE_ATTEMPT_H
#define PLUGINS_UPSTREAM_SIGNATURE_ATTEMPT_H

#include "conf.h"

sluice_verdict attempt_sign(sluice_exchange *x, const void *conf);

#endif
