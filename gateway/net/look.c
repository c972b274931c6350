/* Look-ups of names. See look.h. */
#include "net/look.h"

#include <ifaddrs.h>
#include <stdio.h>

#include "base/stat.h"

/* ---- which families ------------------------------------------------------------------------ */

static bool addr_counts(const struct sockaddr *sa, bool *ipv4, bool *ipv6)
{
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
		*ipv4 |= (ntohl(in->sin_addr.s_addr) >> 24) != 127;
	} else if (sa->sa_family == AF_INET6) {
		const struct in6_addr *in =
			&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		*ipv6 |= !IN6_IS_ADDR_LOOPBACK(in) && !IN6_IS_ADDR_LINKLOCAL(in);
	}
	return *ipv4 && *ipv6;
}

/* The families of addresses that this machine has, besides those that reach nobody else; with
 * none, both. */
static void families_of_machine(bool *ipv4, bool *ipv6)
{
	struct ifaddrs *all;
	*ipv4 = *ipv6 = false;
	if (getifaddrs(&all) == 0) {
		for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
			if (i->ifa_addr && addr_counts(i->ifa_addr, ipv4, ipv6))
				break;
		}
		freeifaddrs(all);
	}
	if (!*ipv4 && !*ipv6)
		*ipv4 = *ipv6 = true;
}

static void look_choose(struct look *l, enum look_family family)
{
	bool ipv4 = family == LOOK_IPV4 || family == LOOK_BOTH;
	bool ipv6 = family == LOOK_IPV6 || family == LOOK_BOTH;
	if (l->kind == RESOLVE_SRV) {
		l->asks[l->n_asks++].type = DNS_SRV;
		return;
	}
	if (family == LOOK_AUTO)
		families_of_machine(&ipv4, &ipv6);
	if (ipv6)
		l->asks[l->n_asks++].type = DNS_AAAA;
	if (ipv4)
		l->asks[l->n_asks++].type = DNS_A;
}

/* ---- the end ------------------------------------------------------------------------------- */

/* Give the result when the turn is over. */
static void look_finish(struct look *l, struct resolved *r)
{
	l->result = r;
	for (unsigned i = 0; i < l->n_asks; i++) {
		if (l->asks[i].ask)
			dns_ask_forget(l->asks[i].ask);
		l->asks[i].ask = NULL;
	}
	l->n_waiting = 0;
	timer_stop(&l->deadline);
	worker_at_turn_end(l->dns->worker, &l->hook);
}

static const char *reason_text(enum resolve_reason r)
{
	switch (r) {
	case RESOLVE_NO_NAME:
		return "there is no such name";
	case RESOLVE_NO_DATA:
		return "the name has no address";
	case RESOLVE_TIMEOUT:
		return "no name server answers in time";
	case RESOLVE_NO_SERVER:
		return "each name server failed, refused to answer or cannot be reached";
	default:
		return "the answer of the name server is broken";
	}
}

static void look_fail(struct look *l, enum resolve_reason r, const char *text)
{
	builder_drop(&l->builder);
	if (!text)
		text = r == RESOLVE_NO_DATA && l->kind == RESOLVE_SRV
			? "the name has no services (SRV)"
			: reason_text(r);
	look_finish(l, resolved_failed(r, text));
}

static void look_on_hook(struct turn_hook *h)
{
	struct look *l = container_of(h, struct look, hook);
	struct resolved *r = l->result;
	l->result = NULL;
	l->on_end(l, r);
}

static void look_on_deadline(struct timer *t)
{
	struct look *l = container_of(t, struct look, deadline);
	if (l->result)
		return;
	for (unsigned i = 0; i < l->n_asks; i++) {
		if (l->asks[i].ask)
			l->asks[i].reason = RESOLVE_TIMEOUT;
	}
	if (l->builder.n) /* of one family there are addresses */
		look_finish(l, builder_finish(&l->builder, l->ttl_s * NS_PER_S));
	else
		look_fail(l, RESOLVE_TIMEOUT, NULL);
}

int look_family_missing(const struct look *l)
{
	for (unsigned i = 0; i < l->n_asks; i++) {
		if (l->asks[i].reason > RESOLVE_NO_DATA)
			return l->asks[i].type == DNS_A ? AF_INET : AF_INET6;
	}
	return 0;
}

/* ---- asking -------------------------------------------------------------------------------- */

static unsigned count_dots(const char *s)
{
	unsigned n = 0;
	for (; *s; s++)
		n += *s == '.';
	return n;
}

/* The next name to ask for: as it is, or in one of the domains that are searched, in the order of
 * resolv.conf(5). False: there is no other. */
static bool look_next_name(struct look *l)
{
	const struct dns_channel *c = l->channel;
	unsigned domains = l->is_absolute ? 0 : c->n_domains;
	bool first = domains == 0 || count_dots(l->name) >= c->ndots;

	while (l->step <= domains) {
		unsigned at = l->step++;
		if (at == (first ? 0 : domains)) {
			memcpy(l->at, l->name, sizeof(l->at));
			return true;
		}
		int n = snprintf(l->at, sizeof(l->at), "%s.%s", l->name,
			c->domains[first ? at - 1 : at]);
		if (n > 0 && (size_t)n < sizeof(l->at))
			return true;
	}
	return false;
}

static void look_step(struct look *l);

/* What is to be done after all answers about one name. */
static void look_go_on(struct look *l)
{
	if (l->builder.n) {
		look_finish(l, builder_finish(&l->builder, l->ttl_s * NS_PER_S));
		return;
	}
	for (unsigned i = 0; i < l->n_asks; i++) {
		uint8_t r = l->asks[i].reason;
		l->has_no_data |= r == RESOLVE_NO_DATA;
		if (r > RESOLVE_NO_DATA)
			l->failure = r;
	}
	if (l->failure == RESOLVE_TIMEOUT)
		look_fail(l, RESOLVE_TIMEOUT, NULL);
	else
		look_step(l);
}

static enum resolve_reason reason_of(enum dns_result r)
{
	switch (r) {
	case DNS_FOUND:
		return RESOLVE_OK;
	case DNS_NO_NAME:
		return RESOLVE_NO_NAME;
	case DNS_NO_DATA:
		return RESOLVE_NO_DATA;
	case DNS_SERVER_FAILED:
	case DNS_REFUSED:
		return RESOLVE_NO_SERVER;
	case DNS_BAD:
		break;
	}
	return RESOLVE_BAD;
}

static void ask_read(struct look_ask *a, const uint8_t *p, size_t len)
{
	struct look *l = a->look;
	uint32_t ttl = 0;
	const struct dns_reader to = { a->type == DNS_SRV ? builder_take_service
							  : builder_take_addr,
		&l->builder };
	l->builder.ipv6 = a->type == DNS_AAAA;
	a->reason = (uint8_t)reason_of(dns_answer_read(p, len, str_of(l->at), a->type, &to, &ttl));
	if (a->reason == RESOLVE_OK && ttl < l->ttl_s)
		l->ttl_s = ttl;
}

static void ask_on_answer(void *user, int status, const uint8_t *p, size_t len)
{
	struct look_ask *a = user;
	struct look *l = a->look;
	bool timed_out;
	const char *text = dns_status_text(status, &timed_out);

	a->ask = NULL;
	if (text) {
		a->reason = timed_out ? RESOLVE_TIMEOUT : RESOLVE_NO_SERVER;
		l->text = text;
	} else {
		ask_read(a, p, len);
	}
	if (--l->n_waiting == 0)
		look_go_on(l);
}

static void look_step(struct look *l)
{
	if (!look_next_name(l)) {
		if (l->failure)
			look_fail(l, (enum resolve_reason)l->failure, l->text);
		else
			look_fail(l, l->has_no_data ? RESOLVE_NO_DATA : RESOLVE_NO_NAME, NULL);
		return;
	}
	l->ttl_s = UINT32_MAX;
	l->n_waiting = l->n_asks;
	stat_add(STAT_DNS_QUESTIONS, l->n_asks);
	for (unsigned i = 0; i < l->n_asks; i++) {
		struct look_ask *a = &l->asks[i];
		a->reason = RESOLVE_OK;
		a->ask = dns_ask_start(l->channel, l->at, a->type, ask_on_answer, a);
	}
}

/* ---- without asking ------------------------------------------------------------------------ */

/* localhost and the names below it are this machine, and never asked for (RFC 6761 6.3). */
static bool name_is_local(const char *name)
{
	sluice_str s = str_of(name);
	static const char local[] = "localhost";
	size_t n = sizeof(local) - 1;
	return s.len >= n && str_ieq(str_n(s.data + s.len - n, n), STR("localhost")) &&
		(s.len == n || s.data[s.len - n - 1] == '.');
}

static bool look_here(struct look *l)
{
	static const uint8_t loopback4[4] = { 127, 0, 0, 1 }, loopback6[16] = { [15] = 1 };
	const struct dns_reader to = { builder_take_addr, &l->builder };
	bool found = false, local = name_is_local(l->name);

	if (l->kind != RESOLVE_ADDRS)
		return false;
	for (unsigned i = 0; i < l->n_asks; i++) {
		l->builder.ipv6 = l->asks[i].type == DNS_AAAA;
		found |= dns_hosts_look(l->channel, l->name, l->builder.ipv6, &to);
	}
	for (unsigned i = 0; i < l->n_asks && local && !found; i++) {
		l->builder.ipv6 = l->asks[i].type == DNS_AAAA;
		builder_take_addr(&l->builder, l->builder.ipv6 ? loopback6 : loopback4);
	}
	return found || local;
}

void look_start(struct look *l, struct dns *d, enum resolve_kind kind, enum look_family family,
	sluice_str name)
{
	void (*on_end)(struct look * l, struct resolved * r) = l->on_end;
	*l = (struct look){ .dns = d, .kind = kind, .on_end = on_end };
	turn_hook_init(&l->hook, look_on_hook);
	timer_init(&l->deadline, look_on_deadline);
	for (unsigned i = 0; i < 2; i++)
		l->asks[i].look = l;
	l->is_absolute = name.data[name.len - 1] == '.';
	name.len -= l->is_absolute;
	memcpy(l->name, name.data, name.len);
	stat_inc(STAT_RESOLVES);

	l->channel = dns_channel_now(d);
	if (!l->channel) {
		look_fail(l, RESOLVE_NO_SERVER, "the resolver cannot be set up");
		return;
	}
	look_choose(l, family);
	if (look_here(l)) {
		struct resolved *r = builder_finish(&l->builder, RESOLVE_NO_TTL);
		r->is_host_file = true;
		look_finish(l, r);
		return;
	}
	worker_timer(d->worker, &l->deadline, d->conf.timeout_ms * NS_PER_MS);
	look_step(l);
}

void look_drop(struct look *l)
{
	for (unsigned i = 0; i < l->n_asks; i++) {
		if (l->asks[i].ask)
			dns_ask_forget(l->asks[i].ask);
	}
	timer_drop(&l->deadline);
	list_del(&l->hook.link);
	builder_drop(&l->builder);
	resolved_unref(&l->result);
}
