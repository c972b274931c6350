/* Results of look-ups. See resolved.h. */
#include "net/resolved.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { TAKEN_MAX = DNS_RECORDS_READ * 2, CAP_FIRST = 8 };

static const char *const names[RESOLVE_REASONS] = { "ok", "no-name", "no-data", "timeout",
	"server-failure", "bad-answer", "limit" };

const char *resolve_reason_name(enum resolve_reason r)
{
	return names[r];
}

struct resolved *resolved_failed(enum resolve_reason reason, const char *error)
{
	struct resolved *r = mem_new(struct resolved);
	atomic_init(&r->refs, 1);
	r->reason = (uint8_t)reason;
	r->ttl_ns = RESOLVE_NO_TTL;
	(void)snprintf(r->error, sizeof(r->error), "%s", error);
	return r;
}

struct resolved *resolved_ref(struct resolved *r)
{
	if (r)
		atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void resolved_unref(struct resolved **at)
{
	struct resolved *r = *at;
	*at = NULL;
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(r->addrs);
	free(r->services);
	free(r);
}

/* ---- collecting ---------------------------------------------------------------------------- */

void builder_add(struct resolved_builder *b, const struct addr *a)
{
	b->n_all++;
	if (b->n == TAKEN_MAX)
		return;
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : CAP_FIRST;
		b->addrs = mem_resize(b->addrs, b->cap, sizeof(*b->addrs), "addresses");
	}
	b->addrs[b->n++] = *a;
}

void builder_take_addr(void *ctx, const void *data)
{
	struct resolved_builder *b = ctx;
	struct addr a;
	memset(&a, 0, sizeof(a));
	if (b->ipv6) {
		a.len = sizeof(a.in6);
		a.in6.sin6_family = AF_INET6;
		memcpy(&a.in6.sin6_addr, data, sizeof(a.in6.sin6_addr));
	} else {
		a.len = sizeof(a.in);
		a.in.sin_family = AF_INET;
		memcpy(&a.in.sin_addr, data, sizeof(a.in.sin_addr));
	}
	builder_add(b, &a);
}

void builder_take_service(void *ctx, const void *data)
{
	struct resolved_builder *b = ctx;
	b->n_all++;
	if (b->n == RESOLVE_SERVICES_MAX)
		return;
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : CAP_FIRST;
		b->services = mem_resize(b->services, b->cap, sizeof(*b->services), "services");
	}
	b->services[b->n++] = *(const struct dns_service *)data;
}

static int addr_compare(const void *x, const void *y)
{
	const struct addr *a = x, *b = y;
	if (a->sa.sa_family != b->sa.sa_family) /* IPv6 first */
		return a->sa.sa_family == AF_INET6 ? -1 : 1;
	if (a->sa.sa_family == AF_INET6)
		return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr));
	return memcmp(&a->in.sin_addr, &b->in.sin_addr, sizeof(a->in.sin_addr));
}

static unsigned addrs_once(struct addr *v, unsigned n)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < n; i++) {
		bool again = false;
		for (unsigned j = 0; j < kept && !again; j++)
			again = addr_eq(&v[i], &v[j]);
		if (!again)
			v[kept++] = v[i];
	}
	return kept;
}

/* Of many addresses always the same are used, although servers give them in another order each
 * time. */
static unsigned addrs_bound(struct addr *v, unsigned n)
{
	if (n > RESOLVE_ADDRS_MAX) {
		unsigned kept = 0;
		qsort(v, n, sizeof(*v), addr_compare);
		for (unsigned i = 0; i < n && kept < RESOLVE_ADDRS_MAX; i++) {
			if (kept == 0 || !addr_eq(&v[i], &v[kept - 1]))
				v[kept++] = v[i];
		}
		return kept;
	}
	return addrs_once(v, n);
}

struct resolved *builder_finish(struct resolved_builder *b, uint64_t ttl_ns)
{
	struct resolved *r = mem_new(struct resolved);
	atomic_init(&r->refs, 1);
	r->ttl_ns = ttl_ns;
	r->n_all = b->n_all;
	r->n = b->addrs ? addrs_bound(b->addrs, b->n) : b->n;
	r->addrs = b->addrs;
	r->services = b->services;
	*b = (struct resolved_builder){ 0 };
	return r;
}

void builder_drop(struct resolved_builder *b)
{
	free(b->addrs);
	free(b->services);
	*b = (struct resolved_builder){ 0 };
}
