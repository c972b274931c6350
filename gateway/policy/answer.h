/*
 * Answers that plugins give: checked, and kept in the exchange until the hook has returned
 * SLUICE_REPLY and the proxy makes a response of them. Worker's thread.
 */
#ifndef POLICY_ANSWER_H
#define POLICY_ANSWER_H

#include "policy/run.h"

/* For the host table. */
sluice_verdict answer_with(sluice_exchange *x, const sluice_answer *a);
sluice_verdict answer_stream(sluice_exchange *x, const sluice_answer_stream *s);
sluice_verdict answer_reply(sluice_exchange *x, int status, sluice_str content_type,
	sluice_str body);
sluice_verdict answer_refuse(sluice_exchange *x, int status, const char *code, const char *detail);

/* Whether a code is one: it becomes a part of the document's type, the log's reason and a metric's
 * label. */
bool answer_is_code(const char *code);
/* Add the answer's fields to those of a response, in a. ERR_NO_MEMORY. */
must_use int answer_fields(const sluice_exchange *x, struct arena *a, struct fields *to);
/* Move the answer's body to the end of a queue. */
void answer_body(sluice_exchange *x, struct buf *to);

#endif
