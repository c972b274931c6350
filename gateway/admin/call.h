/*
 * One request on the admin address and its one answer. It lives in its client's arena; admin.c gets
 * the codec's events. Main thread.
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
	/* borrowed: a row of the table; NULL: no row matches */
	const struct admin_command *command;
	struct gather_wait wait;
	struct progress_filter filter; /* GET /requests: which requests to list */
	/* finishes the client at the end of the turn in which the call ended */
	struct turn_hook end;
	unsigned tries;   /* how often a reload had to wait for another */
	size_t unread;    /* bytes of the answer's body */
	sluice_str allow; /* the methods of its path, when it used another method; or empty */
	bool answered;
	bool gone; /* no more events come from the client */
};

/* Send the whole answer; the texts are copied. May be called once. type is not needed with an empty
 * body. */
void call_answer(struct admin_call *c, int status, sluice_str type, sluice_str body);
/* The same with a body that is moved out of data. */
void call_answer_buf(struct admin_call *c, int status, sluice_str type, struct buf *data);
/* Answer with the document in o, and free o. */
void call_answer_json(struct admin_call *c, int status, struct json_out *o);
/* Answer with a problem document; detail may be empty. */
void call_problem(struct admin_call *c, enum admin_problem p, sluice_str detail);
/* Write its first members: type, title, status. Others may follow; then call call_problem_end(). */
void call_problem_begin(struct json_out *o, enum admin_problem p);
void call_problem_end(struct admin_call *c, enum admin_problem p, struct json_out *o);
/* Answer a request that the codec refused. */
void call_refuse(struct admin_call *c, int err);

/* c is zeroed. */
void call_init(struct admin_call *c, struct admin_service *service, struct client *client);
/* The request has ended: nothing more is gathered for it. c is valid until the end of the turn. */
void call_close(struct admin_call *c);

#endif
