/* What an operator sets about a server. See the header. */
#include "admin/order.h"

#include <stdio.h>
#include <sys/socket.h>

#include "http/query.h"

enum { WHO_TEXT = 96 };

/* Decode a value of at most ORDER_TEXT bytes. */
static bool order_text(sluice_str value, char *text, sluice_str *out)
{
	if (value.len == 0 || value.len > ORDER_TEXT)
		return false;
	*out = str_n(text, query_decode(value, QUERY_PLUS_IS_PLUS, text));
	return true;
}

static bool order_state(sluice_str value, int *out)
{
	for (int i = 0; i < ORDERS; i++) {
		if (str_eq(value, str_of(record_order_name((enum record_order)i)))) {
			*out = i;
			return true;
		}
	}
	return false;
}

static bool order_weight(sluice_str value, int *out)
{
	uint64_t n;
	if (str_eq(value, STR("file"))) {
		*out = RECORD_NO_WEIGHT;
		return true;
	}
	if (!str_u64(value, &n) || n > RECORD_WEIGHT_MAX)
		return false;
	*out = (int)n;
	return true;
}

static bool order_parameter(struct order *o, sluice_str name, sluice_str value)
{
	if (str_eq(name, STR("upstream")))
		return order_text(value, o->upstream, &o->change.upstream);
	if (str_eq(name, STR("server")))
		return order_text(value, o->address, &o->change.address);
	if (str_eq(name, STR("state")))
		return order_state(value, &o->change.order);
	return str_eq(name, STR("weight")) && order_weight(value, &o->change.weight);
}

static bool order_parse(struct order *o, sluice_str query, sluice_str *bad)
{
	*o = (struct order){ .change = { .order = RECORD_ORDER_STAYS,
				     .weight = RECORD_WEIGHT_STAYS } };
	while (query.len) {
		sluice_str value = str_cut(&query, '&'), name;
		*bad = value;
		name = str_cut(&value, '=');
		if (!order_parameter(o, name, value))
			return false;
	}
	*bad = STR("upstream is missing");
	if (!o->change.upstream.len)
		return false;
	*bad = STR("server is missing");
	if (!o->change.address.len)
		return false;
	*bad = STR("state or weight is missing");
	return o->change.order != RECORD_ORDER_STAYS || o->change.weight != RECORD_WEIGHT_STAYS;
}

/* Of a unix socket the system knows the process and its user. */
static void order_who(const struct conn_info *c, char who[WHO_TEXT])
{
	struct ucred u;
	socklen_t len = sizeof(u);
	bool is_unix = str_eq(str_n(c->peer_ip, c->peer_ip_len), STR("unix"));
	if (is_unix && c->fd >= 0 && getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &u, &len) == 0)
		(void)snprintf(who, WHO_TEXT, "user %u, process %d", (unsigned)u.uid, (int)u.pid);
	else
		(void)snprintf(who, WHO_TEXT, "%s, port %u", c->peer_ip, c->peer_port);
}

enum order_result order_run(sluice_str query, const struct conn_info *c, struct order *out,
	sluice_str *bad)
{
	char who[WHO_TEXT];
	if (!order_parse(out, query, bad))
		return ORDER_BAD_PARAMETER;
	order_who(c, who);
	out->n = record_order(&out->change, who);
	*bad = out->change.address;
	return out->n ? ORDER_DONE : ORDER_NO_SERVER;
}
