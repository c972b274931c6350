/* What browsers have to be told before a page of another origin may call. Worker's thread. */
#ifndef GRPC_WEB_CORS_H
#define GRPC_WEB_CORS_H

#include "conf.h"

/* Whether the request asks what may be asked: a preflight (Fetch 4.8). */
bool cors_is_preflight(sluice_exchange *x);
/* The answer to it. */
sluice_verdict cors_preflight(sluice_exchange *x, const struct grpc_web *w);
/* Say in whatever response comes that the page may read it, if it may. */
void cors_allow(sluice_exchange *x, const struct grpc_web *w);

#endif
