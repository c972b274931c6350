/* What an exchange knows of itself. See about.h. */
#include "proxy/about.h"

#include "http/version.h"
#include "policy/fact.h"

/* ---- texts --------------------------------------------------------------------------------- */

static sluice_str about_peer_port(const struct conn_info *c, struct arena *a)
{
	return c->peer_port ? arena_printf(a, "%u", (unsigned)c->peer_port) : STR_NONE;
}

static sluice_str about_peer(const struct conn_info *c)
{
	return str_n(c->peer_ip, c->peer_ip_len);
}

static sluice_str about_upstream_protocol(const struct exchange *x)
{
	return x->upstream_version ? http_version_of(x->upstream_version)->name : STR_NONE;
}

static enum sluice_reading about_one(sluice_str value, sluice_str *out)
{
	*out = value;
	return value.data ? SLUICE_READ_ONE : SLUICE_READ_NONE;
}

enum sluice_reading about_conn(const struct conn_info *c, unsigned fact, struct arena *a,
	sluice_str *out)
{
	switch (fact) {
	case FACT_IP: /* of an exchange, its client's may be another: sluice_exchange.client_ip */
		return about_one(c->peer_is_trusted ? STR_NONE : about_peer(c), out);
	case FACT_LISTENER:
		return about_one(c->listener->name, out);
	case FACT_PEER:
		return about_one(about_peer(c), out);
	case FACT_PEER_PORT:
		return about_one(about_peer_port(c, a), out);
	case FACT_TLS_VERSION:
		return about_one(str_of(c->tls_version), out);
	default:
		return about_tls(c, fact, a, out);
	}
}

static enum sluice_reading about_read(sluice_exchange *px, unsigned fact, sluice_str *out)
{
	const struct exchange *x = container_of(px, struct exchange, px);
	switch (fact) {
	case FACT_REASON:
		return about_one(about_reason(x), out);
	case FACT_SERVER:
		return about_one(about_server(x), out);
	case FACT_UPSTREAM_PROTOCOL:
		return about_one(about_upstream_protocol(x), out);
	default:
		return about_conn(px->client->conn, fact, px->arena, out);
	}
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* The counters of the codec, as they are now. */
static const struct client *about_counted(const struct exchange *x)
{
	struct client *c = x->px.client;
	if (x->state != EXCHANGE_DONE && c->ops->count)
		c->ops->count(c);
	return c;
}

static int64_t about_known(uint64_t number)
{
	return number ? (int64_t)number : SLUICE_UNKNOWN;
}

static int64_t about_status_so_far(const struct exchange *x)
{
	if (x->state == EXCHANGE_DONE)
		return about_status(x);
	return x->px.response ? x->px.response->status : SLUICE_UNKNOWN;
}

/* Of the server asked last. */
static int64_t about_upstream(const struct exchange *x, int number)
{
	bool answered = x->upstream_status != 0;
	switch (number) {
	case SLUICE_N_UPSTREAM_STATUS:
		return answered ? x->upstream_status : SLUICE_UNKNOWN;
	case SLUICE_N_CONNECT_US:
		return x->call.tries || x->origin ? (int64_t)(x->call.connect_ns / 1000)
						  : SLUICE_UNKNOWN;
	default:
		return answered ? (int64_t)about_response_us(x) : SLUICE_UNKNOWN;
	}
}

static int64_t about_number(sluice_exchange *px, int number)
{
	struct exchange *x = container_of(px, struct exchange, px);
	struct client *c = px->client;
	switch ((sluice_number_id)number) {
	case SLUICE_N_STATUS:
		return about_status_so_far(x);
	case SLUICE_N_TRIES:
		return x->call.tries + (x->origin != NULL);
	case SLUICE_N_BYTES_IN:
		return (int64_t)about_counted(x)->bytes_in;
	case SLUICE_N_BYTES_OUT:
		return (int64_t)about_counted(x)->bytes_out;
	case SLUICE_N_REQUEST_BODY:
		return (int64_t)x->to_upstream.bytes;
	case SLUICE_N_RESPONSE_BODY:
		return (int64_t)x->to_client.bytes;
	case SLUICE_N_DURATION_US:
		return (int64_t)(about_duration_ns(x) / 1000);
	case SLUICE_N_UPSTREAM_STATUS:
	case SLUICE_N_CONNECT_US:
	case SLUICE_N_RESPONSE_US:
		return about_upstream(x, number);
	case SLUICE_N_START_MS:
		return (int64_t)about_start_ms(x);
	case SLUICE_N_CLIENT_PORT:
		return about_known(px->client_port);
	case SLUICE_N_PEER_PORT:
		return about_known(c->conn->peer_port);
	case SLUICE_N_CONNECTION_REQUESTS:
		return c->conn->requests;
	case SLUICE_N_CONNECTION_KEPT:
		return c->ops->keeps ? c->ops->keeps(c) : SLUICE_UNKNOWN;
	}
	return SLUICE_UNKNOWN;
}

const struct run_about exchange_about = { .read = about_read,
	.number = about_number,
	.conn = about_conn };
