/* The settings of a listener, as its connections need them. */
#include <stdlib.h>

#include "front/state.h"

static uint32_t settings_bound(uint32_t wanted, uint32_t automatic)
{
	return wanted == CLIENT_AUTO ? automatic : wanted;
}

struct front_settings *front_settings_new(struct front *f, const struct front_listener_args *a)
{
	struct front_settings *s = calloc(1, sizeof(*s));
	const struct listener_conf *c = a->conf;
	uint32_t requests = settings_bound(a->client.requests, f->bounds.client.requests);
	check(s, "out of memory: the settings of a listener");
	s->refs = 1;
	s->front = f;
	s->addr = *a->addr;
	if (f->counts)
		s->accepted = series_find(FAMILY_LISTENER_CONNECTIONS, c->name, STR(""));
	memcpy(s->name, c->name.data, c->name.len < sizeof(s->name) ? c->name.len : sizeof(s->name) - 1);
	s->http1 = (struct http1_server_conf){ .head_ns = c->timeouts.head * NS_PER_MS,
		                               .body_ns = c->timeouts.body * NS_PER_MS,
		                               .idle_ns = c->timeouts.idle * NS_PER_MS,
		                               .max_body = c->max_body,
		                               .max_requests = c->max_requests_per_connection,
		                               .max_head = (uint32_t)c->max_head,
		                               .max_fields = (uint32_t)c->max_fields,
		                               .max_target = (uint32_t)c->max_target,
		                               .budget = (size_t)c->max_memory,
		                               .handler = a->handler,
		                               .on_closed = front_conn_on_http1_closed };
	s->http2 = (struct http2_server_conf){ .head_ns = s->http1.head_ns,
		                               .body_ns = s->http1.body_ns,
		                               .idle_ns = s->http1.idle_ns,
		                               .max_body = s->http1.max_body,
		                               .max_requests = s->http1.max_requests,
		                               .max_head = s->http1.max_head,
		                               .max_fields = s->http1.max_fields,
		                               .max_target = s->http1.max_target,
		                               .budget = s->http1.budget,
		                               .handler = a->handler };
	s->protocols = c->protocols;
	s->balancers = cidr_set_ref(a->balancers);
	s->shared = (struct conn_listener){
		.name = str_of(s->name),
		.max_client_requests = requests ? requests : UINT32_MAX,
		.trust = { cidr_set_ref(a->trusted_proxies), (enum client_ip_from)c->client_ip_from },
	};
	s->proxy_header_ns = c->proxy_protocol.timeout * NS_PER_MS;
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
	cidr_set_unref(&s->balancers);
	cidr_set_unref(&s->shared.trust.proxies);
	free(s);
}
