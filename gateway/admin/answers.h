/* What each row of the admin table does. Main thread. */
#ifndef ADMIN_ANSWERS_H
#define ADMIN_ANSWERS_H

struct admin_call;

void answer_healthz(struct admin_call *c);
void answer_readyz(struct admin_call *c);
void answer_metrics(struct admin_call *c);
void answer_status(struct admin_call *c);
void answer_requests(struct admin_call *c);
void answer_reload(struct admin_call *c);
void answer_purge(struct admin_call *c);
void answer_servers(struct admin_call *c);
void answer_reopen(struct admin_call *c);
void answer_upgrade(struct admin_call *c);
/* The successor that c waits for serves, or not: why says it. */
void answer_upgraded(struct admin_call *c, int pid, const char *why);
void answer_drain(struct admin_call *c);
void answer_stop(struct admin_call *c);

#endif
