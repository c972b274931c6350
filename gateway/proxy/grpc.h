/*
 * What an exchange does otherwise when it is a gRPC call: it has a deadline, its errors are gRPC's,
 * and neither side is late as long as the connection it is silent on lives. Costs other exchanges a
 * look at the method. Worker's thread only.
 */
#ifndef PROXY_GRPC_H
#define PROXY_GRPC_H

#include "http/grpc.h"
#include "proxy/exchange.h"

/* At the exchange's beginning: is it a call? */
void grpc_begin(struct exchange *x);
/* A call that has its route: its deadline begins. 0, or what is wrong with it (enum err). */
must_use int grpc_start(struct exchange *x);
/* What its upstream speaks decides how its silence is watched: again when a plugin set another one.
 * ERR_NO_MEMORY. */
must_use int grpc_aim(struct exchange *x);

/* Make h, of a call's answer of our own, say what HTTP would say by status. ERR_NO_MEMORY. */
must_use int grpc_refuse(struct exchange *x, struct response_head *h, int status, sluice_str code,
	sluice_str sentence);
/* The trailers that end a call whose response is under way and will not be complete; NULL where the
 * client cannot be told. */
const struct fields *grpc_farewell(struct exchange *x, int err);

/* Of a call that ended: what its client was told; -1: nothing. */
int grpc_status(const struct exchange *x);

#endif
