/*
 * Plugins' work on bodies: for each direction a row of stages, one for each plugin that asked for
 * the body, in the order in which bytes pass them. The proxy puts bytes into the first stage, runs
 * the row, and takes the bytes that left the last. Worker's thread.
 *
 *   codec -> first.in -> hook -> next.in -> hook -> stages.out -> codec
 *
 * A stage runs only while there is room behind it: so a slow receiver stops the row, and the row
 * stops the sender.
 */
#ifndef POLICY_STAGE_H
#define POLICY_STAGE_H

#include "policy/run.h"

enum {
	STAGE_HIGH = 64 * 1024, /* a stage with so many bytes behind it is not run */
	/* bytes that one call may write, in addition to the plan's max */
	STAGE_WRITE_MAX = 1 << 20,
	STAGE_HELD_MAX = 1 << 30, /* largest max of a plan */
};

enum stage_state {
	STAGE_HOOKED, /* bytes are shown to the hook */
	STAGE_UNSEEN, /* there are too many bytes, and the hook is to be told so */
	STAGE_OPEN,   /* bytes pass without the hook */
	STAGE_DONE,   /* all bytes have left */
};

/* Whether there is room behind the stage for what the hook writes in this call. */
enum stage_room {
	STAGE_ROOM,
	/* the hook was told to write no more; bytes that it leaves are shown again */
	STAGE_FULL,
	STAGE_SPILLED, /* the hook wrote on, beyond the bound: a failure */
};

struct stage {
	struct stage *next; /* towards the receiver; NULL: the last */
	struct stages *row;
	sluice_body_hook hook;
	struct frame frame; /* of its hook */
	struct buf in;      /* owned: bytes that have come and were not taken off yet */
	uint64_t max;
	const char *data; /* while the hook runs or is parked: the bytes that it was shown */
	size_t shown;     /* their number */
	size_t taken;     /* how many of them the hook has taken off so far */
	size_t pending;   /* how many of those, at their end, pass and were not moved yet */
	size_t left;      /* bytes that an earlier call was shown and left */
	uint64_t written; /* bytes written by this call */
	uint32_t at;      /* index of the plugin */
	uint8_t mode, over;
	uint8_t state; /* enum stage_state; stage_set_state() writes it */
	uint8_t room;  /* enum stage_room */
	bool read_only;
	bool early;  /* the plugin asked before there was a response, for whatever response comes */
	bool ending; /* the hook is called with `end` */
	bool eof;    /* no more bytes come */
	bool given_up; /* see stages_abandon() */
	bool waits;    /* of sluice_body_wait(): on_request goes on when it has decided */
};

struct stages {
	struct stage *first;
	struct buf out;         /* owned: bytes that left the last stage; the proxy takes them */
	struct fields trailers; /* complete when the first stage has eof */
	uint8_t side;           /* enum sluice_side */
	bool done;              /* nothing will be added to out */
};

#define STAGE_LENGTH_UNKNOWN UINT64_MAX

/* The length of the coming body is known: decide now about stages that cannot hold it. RUN_NEXT or
 * RUN_OVER. */
enum run_result stages_expect(sluice_exchange *x, struct stages *row, uint64_t length);
/* Add bytes to the row; data is then empty. */
void stages_feed(struct stages *row, struct buf *data);
/* The body has ended. trailers may be NULL. */
void stages_end(struct stages *row, const struct fields *trailers);
/* Run all stages that can run: RUN_NEXT when none can for now, RUN_WAIT when one is parked, else
 * x->decided_by says which plugin decided. */
enum run_result stages_run(sluice_exchange *x, struct stages *row);
/* Whether the row was told that the body has ended. */
bool stages_have_end(const struct stages *row);
/* Whether the head is held, because a stage has not decided yet. */
bool stages_hold(const struct stages *row);
/* Whether a stage may change the body, so that its length is not known. */
bool stages_change(const struct stages *row);
/* Whether the first stage takes no more bytes for now. */
bool stages_are_full(const struct stages *row);
/* A response replaces another: forget the stages that plugins asked for on the old response alone,
 * and those of plugins from x->response_start on. */
void stages_reset(sluice_exchange *x);
void stages_forget(sluice_exchange *x, sluice_side side);
/* The plugins at these places do not decide any more: bodies pass their hooks unseen. */
void stages_abandon(sluice_exchange *x, uint32_t first, uint32_t last);
void stages_fini(sluice_exchange *x);
/* The hook of a stage has ended with r: the result that counts for now. */
enum run_result stage_left(sluice_exchange *x, struct stage *s, enum run_result r);
/* The callback of a parked stage has returned SLUICE_NEXT. */
enum run_result stage_resumed(sluice_exchange *x, struct stage *s);
/* A stage is parked, and the client cannot wait: the stage goes on without its callback. */
enum run_result stage_hurried(sluice_exchange *x);

/* The trailers that the running hook may read and change; NULL: none. */
struct fields *stage_trailers(sluice_exchange *x, sluice_side side);
/* The request's trailers as far as the row has them; NULL: no plugin works on its body. */
struct fields *stage_request_trailers(sluice_exchange *x);

/* A request hook waits for the body, which `then` is shown: the stage of the running plugin. */
bool stage_wait(sluice_exchange *x, const sluice_body_plan *plan, sluice_body_hook then,
	const char *service);

/* For the host table. */
bool stage_want(sluice_exchange *x, int side, const sluice_body_plan *plan);
void stage_pass(sluice_exchange *x, size_t n);
void stage_drop(sluice_exchange *x, size_t n);
bool stage_write(sluice_exchange *x, sluice_str bytes);

#endif
