/* Responses: what is stored of them, updated by them, and made invalid by them. */
#ifndef CACHE_RESPONSE_H
#define CACHE_RESPONSE_H

#include "page.h"

sluice_verdict response_on(sluice_exchange *x, const void *conf);
sluice_verdict response_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end);

#endif
