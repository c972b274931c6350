/* The handling of a request: see judge.c. Worker. */
#ifndef PLUGINS_KEY_AUTH_JUDGE_H
#define PLUGINS_KEY_AUTH_JUDGE_H

#include "conf.h"

sluice_verdict judge_on_request(sluice_exchange *x, const void *conf);

#endif
