/* The upstream's side of an exchange. */
#ifndef PROXY_FORWARD_H
#define PROXY_FORWARD_H

#include "base/check.h"

struct exchange;

/* Before anything else happens to the upstream's side. */
void forward_init(struct exchange *x);
/* Ask an upstream. 0: on_response or on_failed will be called, or was; else why it is not asked. */
must_use int forward_start(struct exchange *x);

#endif
