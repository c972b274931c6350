/*
 * Plugins' work on bodies: for each direction a row of stages, one for each plugin that asked, in
 * the order in which bytes pass them. The proxy puts bytes into the first stage, runs the row, and
 * takes away what left the last. Worker's thread.
 *
 *   codec -> first.in -> hook -> next.in -> hook -> stages.out -> codec
 *
 * A stage runs only while there is room behind it, so that a slow receiver stops the row, and the
 * row its sender.
 */
#ifndef POLICY_STAGE_H
#define POLICY_STAGE_H

#include "policy/run.h"

enum {
	STAGE_HIGH = 64 * 1024,    /* bytes that wait behind a stage: it is not run */
	STAGE_WRITE_MAX = 1 << 20, /* that one call may write, beside the plan's max */
	STAGE_HELD_MAX = 1 << 30,  /* largest max of a plan */
};

enum stage_state {
	STAGE_HOOKED, /* the hook sees what comes */
	STAGE_OPEN,   /* what comes passes unseen */
	STAGE_DONE,   /* all has left */
};

/* Whether its receiver took what the hook wrote in this call. */
enum stage_room {
	STAGE_ROOM,
	STAGE_FULL,    /* the hook was told that it is enough: what it leaves is shown again */
	STAGE_SPILLED, /* and wrote on, beyond all bounds: a failure */
};

struct stage {
	struct stage *next; /* towards the receiver; NULL: the last */
	struct stages *row;
	struct frame frame; /* of its hook */
	struct buf in;      /* owned: has come, was not taken off yet */
	uint64_t max;
	const char *data; /* while its hook runs or is parked: what it was shown */
	size_t shown;     /* how much of it */
	size_t taken;     /* by the hook, so far */
	size_t pending;   /* the last of these, which pass and were not moved yet */
	size_t left;      /* what an earlier call was shown, and left */
	uint64_t written; /* by this call */
	uint32_t at;      /* the plugin */
	uint8_t mode, over;
	uint8_t state; /* enum stage_state; stage_set_state() writes it */
	uint8_t room;  /* enum stage_room */
	bool read_only;
	bool early;  /* asked before there was a response: for whatever response comes */
	bool ending; /* the hook is told the end */
	bool eof;    /* nothing comes any more */
};

struct stages {
	struct stage *first;
	struct buf out;         /* owned: left the last stage; the proxy takes it */
	struct fields trailers; /* complete when the first stage has eof */
	uint8_t side;           /* enum sluice_side */
	bool done;              /* out has all there will ever be */
};

#define STAGE_LENGTH_UNKNOWN UINT64_MAX

/* length of the body that comes: what a stage would not take is known before it is held. RUN_NEXT
 * or RUN_OVER. */
enum run_result stages_expect(sluice_exchange *x, struct stages *row, uint64_t length);
/* More bytes; data is then empty. */
void stages_feed(struct stages *row, struct buf *data);
/* Nothing comes any more. trailers may be NULL. */
void stages_end(struct stages *row, const struct fields *trailers);
/* Run whatever can: RUN_NEXT when nothing more can for now, RUN_WAIT when a stage is parked, else
 * x->decided_by says whose verdict it is. */
enum run_result stages_run(sluice_exchange *x, struct stages *row);
/* A stage has not decided yet: the head is held. */
bool stages_hold(const struct stages *row);
/* A stage may change the body: its length is not what was said. */
bool stages_change(const struct stages *row);
/* The first stage takes no more for now. */
bool stages_are_full(const struct stages *row);
/* A response takes the place of another: what was asked for it alone is forgotten, and so is what
 * plugins from x->response_start on asked for. */
void stages_reset(sluice_exchange *x);
void stages_forget(sluice_exchange *x, sluice_side side);
void stages_fini(sluice_exchange *x);
/* The callback of a parked stage has said SLUICE_NEXT. */
enum run_result stage_resumed(sluice_exchange *x, struct stage *s);
/* A stage is parked, and the client cannot wait: it goes on without its callback. */
enum run_result stage_hurried(sluice_exchange *x);

/* Trailers that the hook that runs may see and change, NULL: none. */
struct fields *stage_trailers(sluice_exchange *x, sluice_side side);
/* The request's trailers as far as the row has them; NULL: nobody works on its body. */
struct fields *stage_request_trailers(sluice_exchange *x);

/* For the host table. */
bool stage_want(sluice_exchange *x, int side, const sluice_body_plan *plan);
void stage_pass(sluice_exchange *x, size_t n);
void stage_drop(sluice_exchange *x, size_t n);
bool stage_write(sluice_exchange *x, sluice_str bytes);

#endif
