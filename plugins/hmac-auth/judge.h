/* The handling of a request: see judge.c. */
#ifndef PLUGINS_HMAC_AUTH_JUDGE_H
#define PLUGINS_HMAC_AUTH_JUDGE_H

#include "conf.h"

sluice_verdict judge_on_request(sluice_exchange *x, const void *conf);

#endif
