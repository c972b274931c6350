/* CORS: the fields that permit pages of other origins to call. Worker's thread. */
#ifndef GRPC_WEB_CORS_H
#define GRPC_WEB_CORS_H

#include "conf.h"

/* Whether the request is a preflight (Fetch 4.8). */
bool cors_is_preflight(sluice_exchange *x);
/* Answer a preflight. */
sluice_verdict cors_preflight(sluice_exchange *x, const struct grpc_web *w);
/* Add the fields that let the page read the response, if its origin is permitted. */
void cors_allow(sluice_exchange *x, const struct grpc_web *w);

#endif
