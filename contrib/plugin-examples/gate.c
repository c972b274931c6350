/*
 * gate: who may connect, before there is a request. A peer that connects too often is refused
 * before a TLS handshake costs anything; after it, a client that asks for another name (SNI), or
 * shows a certificate that is not listed. Whose certificate it is, is found out once for each
 * connection; its requests have it as the fact `guest`. Shows hooks of connections, state of a
 * connection, and a limit that all workers share.
 */
#include <sluice/plugin.h>
#include <sluice/str.h>

struct gate {
	sluice_rate rate;
	sluice_strs names;
	sluice_pairs guests;
	const sluice_store *peers;
	const sluice_metric *open;
};

/* Of a connection. */
struct visit {
	sluice_str guest; /* in the configuration; data NULL: not known */
};

#define G struct gate
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_RATE, G, rate, .def = "20/s",
		.doc = "connections that one address, or network /64 of IPv6, may begin"),
	SLUICE_OPTION(SLUICE_T_STRS, G, names,
		.doc = "names that clients may ask for by SNI; left out: any, or none"),
	SLUICE_OPTION(SLUICE_T_PAIRS, G, guests,
		.doc = "for the SHA-256 fingerprint of a client's certificate, the guest whose it "
		       "is; left out: any client may connect. Only a listener with tls.client_ca "
		       "asks for certificates"),
	SLUICE_OPTIONS_END,
};

static int gate_check(sluice_instance *inst, void *conf)
{
	struct gate *g = conf;
	g->peers = sluice_store_table(inst, sluice_store_local(inst), sluice_instance_name(inst));
	g->open = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_GAUGE,
			.name = "connections",
			.help = "Connections that are open." });
	return g->open ? 0 : -1;
}

/* Each connection moves the time of its peer by 1/rate; a burst of rate.count is free. */
static bool is_too_fast(const struct gate *g, sluice_str peer)
{
	char network[SLUICE_IP_NETWORK];
	uint64_t now = sluice_now_ns(), each = g->rate.period_ms * 1000000 / g->rate.count;
	sluice_cell cell;
	if (!sluice_store_cell(g->peers, sluice_ip_network(peer, 32, 64, network), now, &cell))
		return false;
	do {
		uint64_t from = cell.value > now ? cell.value : now;
		if (from - now > each * (g->rate.count - 1))
			return true;
		if (sluice_store_cell_swap(&cell, from + each))
			return false;
	} while (cell.slot); /* another worker was faster: decide again */
	return false;
}

static sluice_verdict gate_on_connect(sluice_conn *c, const void *conf)
{
	const struct gate *g = conf;
	sluice_str client = sluice_conn_get(c, SLUICE_I_CLIENT_IP);
	sluice_metric_add(g->open, SLUICE_STR(""), 1);
	/* a trusted proxy has many clients, and is none */
	if (client.data && is_too_fast(g, client))
		return sluice_conn_refuse(c, "connects-too-often");
	return SLUICE_NEXT;
}

static bool name_is_known(const struct gate *g, sluice_str name)
{
	for (size_t i = 0; i < g->names.n; i++) {
		if (sluice_str_ieq(g->names.v[i], name))
			return true;
	}
	return g->names.n == 0;
}

static sluice_verdict gate_on_secured(sluice_conn *c, const void *conf)
{
	const struct gate *g = conf;
	if (!name_is_known(g, sluice_conn_get(c, SLUICE_I_TLS_SNI)))
		return sluice_conn_refuse(c, "unknown-name");
	if (g->guests.n == 0)
		return SLUICE_NEXT;
	sluice_str print = sluice_conn_get(c, SLUICE_I_CLIENT_CERT_SHA256);
	for (size_t i = 0; i < g->guests.n; i++) {
		if (!sluice_str_eq(g->guests.v[i].name, print))
			continue;
		struct visit *v = sluice_conn_state(c, sizeof(*v));
		if (!v)
			return SLUICE_FAIL;
		v->guest = g->guests.v[i].value;
		return SLUICE_NEXT;
	}
	return sluice_conn_refuse(c, "unknown-certificate");
}

static sluice_verdict gate_on_disconnect(sluice_conn *c, const void *conf)
{
	const struct gate *g = conf;
	(void)c;
	sluice_metric_add(g->open, SLUICE_STR(""), -1);
	return SLUICE_NEXT;
}

static sluice_verdict gate_on_request(sluice_exchange *x, const void *conf)
{
	const struct gate *g = conf;
	sluice_conn *c = g->guests.n ? sluice_conn_of(x) : NULL;
	const struct visit *v = c ? sluice_conn_state(c, sizeof(*v)) : NULL;
	if (v && v->guest.data)
		sluice_attr_set(x, SLUICE_STR("guest"), v->guest);
	return SLUICE_NEXT;
}

static const char *const provides[] = { "guest", NULL };

SLUICE_PLUGIN("gate", .version = "1.0", .summary = "who may connect", .options = options,
	.conf_size = sizeof(struct gate), .check = gate_check, .on_request = gate_on_request,
	.provides = provides, .on_connect = gate_on_connect, .on_secured = gate_on_secured,
	.on_disconnect = gate_on_disconnect);
