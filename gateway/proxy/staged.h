/* The way of a lane whose body plugins work on: through the row of stages of its side
 * (policy/stage.h). Only for lanes for which a plugin asked. */
#ifndef PROXY_STAGED_H
#define PROXY_STAGED_H

#include "proxy/lane.h"

/* The hooks on the head are through, or one waits for the body, and the row is to be run: the
 * exchange is in the state that gathers what the stages hold. Called again when stages were added.
 * length: of the body, or STAGE_LENGTH_UNKNOWN. on_gathered tells
 * when the head may go. */
void staged_begin(struct lane *l, uint64_t length);
/* A stage that was parked has decided. */
void staged_resumed(struct lane *l, enum run_result r);
/* The head has gone: towards the sink, as much as it takes. */
void staged_push(struct lane *l);

/* Say in the head how the body is framed now; also without stages, what plugins ask of the upstream
 * beside it. */
void staged_frame_request(const struct lane *l, struct request_head *h);
/* How the body ends is not what was said; but where all of it is there, it has a length again. */
void staged_frame_response(const struct lane *l, struct response_head *h);

#endif
