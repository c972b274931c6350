/* Bodies that plugins work on, for exchange.c and forward.c: called only where px.stages of that
 * side is there. */
#ifndef PROXY_BODY_H
#define PROXY_BODY_H

#include "proxy/exchange.h"

/* The request hooks are through: the request goes on when its head may. */
void body_begin_request(struct exchange *x);
/* Say in the head how the body is framed now; also without stages, what plugins ask of the upstream
 * beside it. */
void body_request_head(struct exchange *x, struct request_head *h);
/* The head went to the upstream, and behind it what there was of the body: it takes more, or is
 * full. */
void body_to_upstream(struct exchange *x, bool full);
void body_upstream_drained(struct exchange *x);
void body_from_client(struct exchange *x, struct buf *data);
void body_client_ended(struct exchange *x, const struct fields *trailers);
/* A request's stage that was parked has decided. */
void body_request_resumed(struct exchange *x, enum run_result r);

/* The response hooks are through. False: this response passes without. */
bool body_begin_response(struct exchange *x);
void body_from_upstream(struct exchange *x, struct buf *data);
void body_upstream_ended(struct exchange *x);
void body_client_drained(struct exchange *x);
void body_response_resumed(struct exchange *x, enum run_result r);

#endif
