/* Judging a request by its token. */
#ifndef JWT_REQUEST_H
#define JWT_REQUEST_H

#include <sluice/plugin.h>

/* The hook of the request. arg: the instance's struct jwt_conf. */
sluice_verdict request_judge(sluice_exchange *x, const void *arg);

#endif
