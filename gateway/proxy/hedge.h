/*
 * A second server that is asked for the same request, because the first is slow: the block `hedge`.
 * The first head of a response wins, and the other try is cancelled. Only of requests with a safe
 * method, and of gRPC calls where the rules say so, whose body, if any, is kept; what the second
 * try needs is allocated when it begins. Its worker's thread only.
 *
 *     hedge_watch --- hedge.after ---> hedge_start ---> its head: on_head of `events`
 *                                          |
 *                                          +----------> hedge_take_over: the first has failed
 *     hedge_drop: the first has answered, or the exchange ends
 */
#ifndef PROXY_HEDGE_H
#define PROXY_HEDGE_H

#include "proxy/retry.h"

/* The request went to its first server: wait for its response, if the rules and the request
 * permit a second server. */
void hedge_watch(struct retry *r);
/* For the timer of hedge_watch(): ask a second server. events: of the exchange's origin. They get
 * the response once it has won; user is the exchange. */
void hedge_start(struct retry *r, const struct origin_events *events);
/* The first server has failed so (enum err), or nobody gets its response, whose head is h, because
 * of x->call.unwanted. True: the second one has the request already, and is now the exchange's
 * origin. False: it has not, and is not asked any more. h: NULL: there is no response. */
bool hedge_take_over(struct retry *r, int err, const struct response_head *h);
/* The second server is not wanted any more. */
void hedge_drop(struct retry *r, int err);
/* Neither is awaited any more. */
void hedge_leave_all(struct retry *r, int err);
/* At the end of the turn in which the exchange ended, after hedge_drop(). */
void hedge_free(struct retry *r);

#endif
