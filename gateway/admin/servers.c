/* The answers of several workers about one server, added up. */
#include "admin/servers.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

static int str_order(sluice_str a, sluice_str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.data, b.data, n) : 0;
	return r ? r : a.len < b.len ? -1 : a.len > b.len;
}

static int sum_order(const void *a, const void *b)
{
	const struct endpoint_view *x = &((const struct server_sum *)a)->sum,
				   *y = &((const struct server_sum *)b)->sum;
	int r = str_order(x->upstream, y->upstream);
	if (r == 0)
		r = str_order(x->address, y->address);
	return r ? r : str_order(x->host, y->host);
}

static void sum_add(struct server_sum *to, const struct server_sum *s)
{
	for (int i = 0; i < SERVER_STATES; i++)
		to->in_state[i] += s->in_state[i];
	if (s->sum.down_for_ns > to->sum.down_for_ns)
		to->sum.down_for_ns = s->sum.down_for_ns;
	if (to->sum.weight == UINT32_MAX || s->sum.share < to->sum.share) {
		to->sum.weight = s->sum.weight;
		to->sum.share = s->sum.share;
		to->sum.tier = s->sum.tier;
		to->sum.entry = s->sum.entry;
	}
	to->sum.connections += s->sum.connections;
	to->sum.idle += s->sum.idle;
	to->sum.in_flight += s->sum.in_flight;
	to->sum.requests += s->sum.requests;
	to->sum.failures += s->sum.failures;
	to->sum.connects += s->sum.connects;
	to->sum.connect_failures += s->sum.connect_failures;
	to->sum.reused += s->sum.reused;
	to->sum.ejected += s->sum.ejected;
	/* the worst: a worker that sees a slow server is no mistake */
	if (s->sum.latency_ns > to->sum.latency_ns)
		to->sum.latency_ns = s->sum.latency_ns;
	if (!to->sum.last_err)
		to->sum.last_err = s->sum.last_err;
}

struct server_sum *servers_merge(const struct gather_answer *v, unsigned n, size_t *count)
{
	size_t total = 0, kept = 0;
	for (unsigned i = 0; i < n; i++)
		total += v[i].n_endpoints;
	struct server_sum *all = mem_array(struct server_sum, total);
	total = 0;
	for (unsigned i = 0; i < n; i++) {
		for (size_t j = 0; j < v[i].n_endpoints; j++) {
			all[total].sum = v[i].endpoints[j];
			all[total++].in_state[v[i].endpoints[j].state] = 1;
		}
	}
	qsort(all, total, sizeof(*all), sum_order);
	for (size_t i = 0; i < total; i++) {
		if (kept && sum_order(&all[kept - 1], &all[i]) == 0)
			sum_add(&all[kept - 1], &all[i]);
		else
			all[kept++] = all[i];
	}
	*count = kept;
	return all;
}

/* ---- one server ---------------------------------------------------------------------------- */

enum server_state server_state(const struct server_sum *s)
{
	const struct record_view *r = &s->sum.record;
	unsigned others = s->in_state[ENDPOINT_DOWN] + s->in_state[ENDPOINT_TRIAL];
	if (r->order == ORDER_DISABLED)
		return SERVER_DISABLED;
	if (r->order == ORDER_DRAIN || r->weight == 0)
		return SERVER_DRAINED;
	if (r->verdict == CHECKED_DOWN)
		return SERVER_DOWN;
	if (s->in_state[ENDPOINT_SUSPECT])
		return SERVER_SUSPECT;
	return !others ? SERVER_UP : s->in_state[ENDPOINT_UP] ? SERVER_PARTLY_UP : SERVER_DOWN;
}

const char *server_state_name(enum server_state s)
{
	static const char *const names[] = {
		[SERVER_UP] = "up",
		[SERVER_PARTLY_UP] = "partly-up",
		[SERVER_SUSPECT] = "suspect",
		[SERVER_DOWN] = "down",
		[SERVER_DRAINED] = "drained",
		[SERVER_DISABLED] = "disabled",
	};
	return names[s];
}

bool server_reason(const struct server_sum *s, char out[SERVER_REASON])
{
	const struct record_view *r = &s->sum.record;
	const char *why = s->sum.last_err ? err_info(s->sum.last_err)->code : "failures";
	switch (server_state(s)) {
	case SERVER_UP:
		return false;
	case SERVER_DRAINED:
	case SERVER_DISABLED:
		(void)snprintf(out, SERVER_REASON, "set by an operator");
		return true;
	case SERVER_SUSPECT:
		(void)snprintf(out, SERVER_REASON, "it is silent");
		return true;
	case SERVER_PARTLY_UP:
	case SERVER_DOWN:
		break;
	}
	if (r->verdict != CHECKED_DOWN)
		(void)snprintf(out, SERVER_REASON, "requests fail: %s", why);
	else if (r->last_status)
		(void)snprintf(out, SERVER_REASON, "checks fail: %s %u",
			check_result_name(r->last_result), r->last_status);
	else
		(void)snprintf(out, SERVER_REASON, "checks fail: %s",
			check_result_name(r->last_result));
	return true;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Index of the first of v[0 .. n) whose upstream is not before the name, or, with after, is behind
 * it. */
static size_t servers_bound(const struct server_sum *v, size_t n, sluice_str upstream, bool after)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = str_order(v[mid].sum.upstream, upstream);
		if (r < 0 || (after && r == 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct server_sum *servers_of(const struct server_sum *v, size_t n, sluice_str upstream,
	size_t *count)
{
	size_t first = servers_bound(v, n, upstream, false);
	*count = servers_bound(v, n, upstream, true) - first;
	return v + first;
}
