/*
 * Names to addresses without blocking a loop. One thread of the process asks name servers
 * (net/look), keeps answers for the time that they allow, and sends them to the workers that asked.
 * Workers that ask the same share one look-up. Waits and memory are bounded.
 */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "net/resolved.h"

struct resolve_conf;
struct resolve_wait;
struct worker;

struct resolve_answer {
	const char *error; /* NULL: resolved; else why not, for the log; borrowed */
	/* NULL: new; else the answer is an earlier one, and this is why there is none now; borrowed
	 */
	const char *stale;
	enum resolve_reason reason; /* of error, or stale */
	/* how long it may be kept, by the servers and the options; RESOLVE_NO_TTL: nobody says, as
	 * of /etc/hosts */
	uint64_t ttl_ns;
	uint64_t age_ns; /* since the servers were asked */
	/* 1..RESOLVE_ADDRS_MAX when addresses are resolved, none twice */
	unsigned n;
	struct addr addrs[RESOLVE_ADDRS_MAX];
	/* likewise of services; borrowed */
	unsigned n_services;
	const struct dns_service *services;
};

/* One question, embedded in the caller's struct. */
struct resolve_call {
	/* On the worker's loop, once; the call is at rest again, and may be started anew from
	 * here. */
	void (*on_answer)(struct resolve_call *c, const struct resolve_answer *a);
	struct resolve_wait *wait; /* owned while it waits, else NULL */
	uint64_t max_age_ns;       /* the oldest answer that will do; 0: as its TTL says */
};

static inline void resolve_call_init(struct resolve_call *c,
	void (*on_answer)(struct resolve_call *c, const struct resolve_answer *a))
{
	c->on_answer = on_answer;
	c->wait = NULL;
	c->max_age_ns = 0;
}
/* Ask; on w's thread. IP literals are answered too. Failures come as an answer; on_answer is never
 * called from within. */
void resolve_start(struct worker *w, struct resolve_call *c, sluice_str host, uint16_t port);
/* The same for services: _http._tcp.example.com. */
void resolve_start_services(struct worker *w, struct resolve_call *c, sluice_str name);
/* No answer comes any more. Does nothing to a call at rest. */
void resolve_cancel(struct resolve_call *c);

/* Later look-ups go by these options, which are copied. Main thread. */
void resolve_configure(const struct resolve_conf *conf);
/* For tests, before the first question: read this in place of the system's resolv.conf. Borrowed;
 * NULL: the system's. */
void resolve_set_file(const char *resolv_conf);

/* A name that was looked up, for the status. */
struct resolve_view {
	sluice_str name; /* borrowed for the call */
	enum resolve_kind kind;
	unsigned n; /* addresses or services that are in use */
	bool is_waiting, has_ttl, is_stale;
	enum resolve_reason reason; /* of the last look-up */
	uint64_t age_ns;            /* since the last answer; UINT64_MAX: there was none */
	uint64_t ttl_ns;            /* that is left */
};
/* The names asked for last, at most `most`. fn must not ask. Any thread. */
void resolve_each(void (*fn)(void *ctx, const struct resolve_view *v), void *ctx, unsigned most);

/* When no worker is left, all questions forgotten with them: end the thread. */
void resolve_fini(void);

#endif
