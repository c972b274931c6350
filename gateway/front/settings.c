/* The settings of a listener, as its connections need them. */
#include <stdlib.h>

#include "base/mem.h"
#include "front/state.h"

#define PACE_WINDOW_NS (5 * NS_PER_S)

/* Copy strings of the configuration, which may go before the connections do. One block: free v. */
static sluice_strs settings_copy(sluice_strs from)
{
	size_t size = from.n * sizeof(sluice_str);
	for (size_t i = 0; i < from.n; i++)
		size += from.v[i].len;
	if (from.n == 0)
		return (sluice_strs){ 0 };
	sluice_str *v = mem_zeroed(1, size, "strings");
	char *at = (char *)(v + from.n);
	for (size_t i = 0; i < from.n; i++) {
		v[i] = str_n(at, from.v[i].len);
		at = mempcpy(at, from.v[i].data, from.v[i].len);
	}
	return (sluice_strs){ v, from.n };
}

static uint32_t settings_bound(uint32_t wanted, uint32_t automatic)
{
	return wanted == CLIENT_AUTO ? automatic : wanted;
}

struct front_settings *front_settings_new(struct front *f, const struct front_listener_args *a,
	struct front_place *place)
{
	struct front_settings *s = mem_new(struct front_settings);
	const struct listener_conf *c = a->conf;
	uint32_t requests = settings_bound(a->client.requests, f->bounds.client.requests);
	s->refs = 1;
	s->front = f;
	s->place = front_place_ref(place);
	s->gate = a->gate;
	s->addr = *a->addr;
	if (f->counts)
		s->accepted = series_find(FAMILY_LISTENER_CONNECTIONS, c->name, STR(""));
	memcpy(s->name, c->name.data,
		c->name.len < sizeof(s->name) ? c->name.len : sizeof(s->name) - 1);
	s->codec = (struct codec_conf){ .head_ns = c->timeouts.head * NS_PER_MS,
		.body_ns = c->timeouts.body * NS_PER_MS,
		.idle_ns = c->timeouts.idle * NS_PER_MS,
		.max_body = c->max_body,
		.max_requests = c->max_requests_per_connection,
		.max_head = (uint32_t)c->max_head,
		.max_fields = (uint32_t)c->max_fields,
		.max_target = (uint32_t)c->max_target,
		.path_rules = listener_path_rules(c),
		.budget = (size_t)c->max_memory,
		.pace = { .request_ns = c->timeouts.request * NS_PER_MS,
			.min_rate = c->min_rate,
			.window_ns = PACE_WINDOW_NS },
		.linger = { .silence_ns = c->linger.silence * NS_PER_MS,
			.total_ns = c->linger.time * NS_PER_MS,
			.bytes = c->linger.size },
		.handler = a->handler };
	s->protocols = c->protocols;
	s->balancers = cidr_set_ref(a->balancers);
	s->shared = (struct conn_listener){
		.name = str_of(s->name),
		.addr = &s->addr,
		.max_client_requests = requests ? requests : UINT32_MAX,
		.trust = { cidr_set_ref(a->trusted_proxies),
			(enum client_ip_from)c->client_ip_from },
		.kept = settings_copy(c->forwarded.keep),
		.via = c->via ? VIA_WRITTEN : VIA_SILENT,
	};
	s->proxy_header_ns = c->proxy_protocol.timeout * NS_PER_MS;
	s->match_host = c->tls.match_host;
	s->max_per_client = settings_bound(a->client.connections, f->bounds.client.connections);
	s->counts_alone = a->client.connections != CLIENT_AUTO;
	return s;
}

struct front_settings *front_settings_ref(struct front_settings *s)
{
	s->refs++;
	return s;
}

void front_settings_unref(struct front_settings **at)
{
	struct front_settings *s = *at;
	*at = NULL;
	if (--s->refs)
		return;
	front_place_unref(&s->place);
	cidr_set_unref(&s->balancers);
	cidr_set_unref(&s->shared.trust.proxies);
	free((void *)(uintptr_t)s->shared.kept.v);
	free(s);
}
