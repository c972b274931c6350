/*
 * What an exchange knows of itself and of its upstream, for plugins (sluice_get(),
 * sluice_number()), for the access log and for the metrics: each of them asks here, so that they
 * say the same. Until the exchange ends, durations and counts are those so far. Its worker's
 * thread.
 */
#ifndef PROXY_ABOUT_H
#define PROXY_ABOUT_H

#include "proxy/exchange.h"

/* For instance_keeper.about. */
extern const struct run_about exchange_about;

/* From the first byte of the request; until the last of the response, once it has ended. */
static inline uint64_t about_duration_ns(const struct exchange *x)
{
	uint64_t start = x->px.client->started_ns, end = x->done_ns ? x->done_ns : clock_ns();
	return end > start ? end - start : 0;
}
/* When the first byte of the request arrived, in milliseconds since 1970. It stays what it was when
 * it was asked for first. */
static inline uint64_t about_start_ms(struct exchange *x)
{
	if (!x->start_ms)
		x->start_ms = clock_unix_ms() - about_duration_ns(x) / NS_PER_MS;
	return x->start_ms;
}
/* The status for the log. Where no head was sent, the one that belongs to the reason (499: the
 * client disconnected); 0: there is no reason either. */
static inline uint16_t about_status(const struct exchange *x)
{
	return x->status || !x->err ? x->status : (uint16_t)err_info(x->err)->status;
}
/* The server asked last: until its connection was open, 0 for one that was kept; and from the
 * request to the head of its response, 0 without one. */
static inline uint64_t about_connect_us(const struct exchange *x)
{
	return x->call.tries ? x->call.connect_ns / 1000 : 0;
}
static inline uint64_t about_response_us(const struct exchange *x)
{
	return x->upstream_status ? (x->head_ns - x->sent_ns) / 1000 : 0;
}

/* As run_about.conn. */
enum sluice_reading about_conn(const struct conn_info *c, unsigned fact, struct arena *a,
	sluice_str *out);
/* about_tls.c: a fact of a client's TLS connection and certificate. As run_about.conn. */
enum sluice_reading about_tls(const struct conn_info *c, unsigned fact, struct arena *a,
	sluice_str *out);

/* Its address; data is NULL before one was chosen. */
static inline sluice_str about_server(const struct exchange *x)
{
	return x->call.endpoint ? endpoint_address(x->call.endpoint) : STR_NONE;
}
/* The code of its refusal or failure; data is NULL without one. */
static inline sluice_str about_reason(const struct exchange *x)
{
	return x->code ? str_of(x->code) : STR_NONE;
}

#endif
