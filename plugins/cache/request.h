/* Requests: what is found for them, who waits for whom, and what is forwarded. */
#ifndef CACHE_REQUEST_H
#define CACHE_REQUEST_H

#include "page.h"

sluice_verdict request_on(sluice_exchange *x, const void *conf);
sluice_verdict request_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end);

#endif
