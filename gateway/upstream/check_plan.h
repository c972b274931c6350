/*
 * What the checks of one upstream do: its options, compiled and copied, since a check may outlast
 * the configuration that asked for it. One for each worker and configuration. Its worker's thread
 * only.
 */
#ifndef UPSTREAM_CHECK_PLAN_H
#define UPSTREAM_CHECK_PLAN_H

#include "base/arena.h"
#include "upstream/conf.h"

struct regex;
struct tls_client;

struct check_plan {
	unsigned refs;
	unsigned workers;   /* which share the servers */
	struct arena arena; /* owned: the texts */
	struct upstream_check conf;
	struct status_set expect;
	struct regex *regex;     /* owned; NULL: conf.body is a text */
	struct tls_client *tls;  /* shared: ref; NULL: plain */
	sluice_str proxy_header; /* connections begin with it; may be empty */
	int32_t protocol;        /* enum upstream_protocol */
	bool lenient;
};

/* NULL: the upstream has no checks. The caller gets a reference. */
struct check_plan *check_plan_new(const struct upstream_conf *conf, struct tls_client *tls,
	unsigned workers);
static inline struct check_plan *check_plan_ref(struct check_plan *p)
{
	if (p)
		p->refs++;
	return p;
}
void check_plan_unref(struct check_plan **p);

#endif
