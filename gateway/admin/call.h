/*
 * One request on the admin address and its one answer. Lives in its client's arena; the codec's
 * events end in admin.c. Main thread.
 */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include "admin/gather.h"
#include "base/json.h"

struct admin_command;
struct admin_service;

enum admin_problem {
#define P(name, status, code, text) PROBLEM_##name,
#include "admin/problem.def"
#undef P
	PROBLEM_COUNT,
};

struct admin_problem_info {
	int status;
	const char *code, *text;
};
const struct admin_problem_info *admin_problem_info(enum admin_problem p);

enum { CALL_JSON_MAX = 4 << 20 }; /* bytes of the largest document */

struct admin_call {
	struct list link;              /* admin.calls */
	struct admin_service *service; /* borrowed: outlives its calls */
	struct client *client;         /* borrowed: until the call is over */
	/* borrowed: a row of the table; NULL: none was found */
	const struct admin_command *command;
	struct gather_wait wait;
	struct progress_filter filter; /* GET /requests: which ones */
	struct turn_hook end;          /* it is over: finishes the client at the end of the turn */
	unsigned tries;                /* of a reload that had to wait for another */
	size_t unread;                 /* bytes of the answer's body */
	sluice_str allow; /* the methods that its path has, when it asked for another; or empty */
	bool answered;
	bool gone; /* no event comes from the client any more */
};

/* The whole answer; the texts are copied. Once. type is not needed with an empty body. */
void call_answer(struct admin_call *c, int status, sluice_str type, sluice_str body);
/* The same with a body that is taken from data. */
void call_answer_buf(struct admin_call *c, int status, sluice_str type, struct buf *data);
/* The document in o, which is given back. */
void call_answer_json(struct admin_call *c, int status, struct json_out *o);
/* A problem document; detail may be empty. */
void call_problem(struct admin_call *c, enum admin_problem p, sluice_str detail);
/* Its beginning: type, title, status. Members may follow; then call_problem_end(). */
void call_problem_begin(struct json_out *o, enum admin_problem p);
void call_problem_end(struct admin_call *c, enum admin_problem p, struct json_out *o);
/* What the codec refused. */
void call_refuse(struct admin_call *c, int err);

/* c is zeroed. */
void call_init(struct admin_call *c, struct admin_service *service, struct client *client);
/* The request is over: nothing more is gathered for it, and c is valid until the end of the turn.
 */
void call_close(struct admin_call *c);

#endif
