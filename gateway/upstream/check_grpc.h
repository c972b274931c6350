/*
 * The messages of grpc.health.v1.Health/Check (the gRPC health checking protocol), encoded and read
 * by hand: the request has one text, the response one number.
 */
#ifndef UPSTREAM_CHECK_GRPC_H
#define UPSTREAM_CHECK_GRPC_H

#include "base/str.h"

enum { GRPC_SERVICE_MAX = 200, GRPC_ASK_MAX = 5 + 3 + GRPC_SERVICE_MAX };

/* The framed request for a service of at most GRPC_SERVICE_MAX bytes; its length. */
size_t check_grpc_ask(sluice_str service, char out[GRPC_ASK_MAX]);

enum grpc_health {
	GRPC_CHECK_MALFORMED,
	GRPC_CHECK_UNKNOWN,
	GRPC_CHECK_SERVING,
	GRPC_CHECK_NOT_SERVING,
};
/* What a whole response body says. */
enum grpc_health check_grpc_read(sluice_str body);

#endif
