/*
 * The HTTP proxy of fetches by URL: the options of `runtime.fetch_proxy`, and how one fetch goes
 * through a proxy. Environment variables are not looked at. Any thread, except where a comment says
 * "main thread".
 */
#ifndef UPSTREAM_FETCH_PROXY_H
#define UPSTREAM_FETCH_PROXY_H

#include "base/arena.h"
#include "config/bind.h"
#include "upstream/url.h"

struct fetch_proxy_conf {
	sluice_str url;         /* empty: none */
	sluice_str credentials; /* USER:PASSWORD; empty: none */
	sluice_strs except;     /* hosts that are asked directly */
};
extern const sluice_option fetch_proxy_options[];

/* Report what is wrong. */
must_use int fetch_proxy_check(struct bind *b, const struct fetch_proxy_conf *conf);
/* From now on fetches that name no proxy go through this one. Copied. Main thread. */
void fetch_proxy_configure(const struct fetch_proxy_conf *conf);

/* A proxy, in the memory of the arena that it was read into. */
struct fetch_proxy {
	const char *host; /* NUL-terminated */
	uint16_t port;
	sluice_str authorization; /* the value of Proxy-Authorization; empty: none */
};

/* Read a proxy's URL and its credentials. NULL, or a sentence that says what is wrong. */
const char *fetch_proxy_read(sluice_str url, sluice_str credentials, struct arena *a,
	struct fetch_proxy *out);
/* The proxy of `runtime.fetch_proxy` for a fetch from that host. False: it is asked directly. The
 * own host never goes through it. */
bool fetch_proxy_default(sluice_str host, struct arena *a, struct fetch_proxy *out);
/* The head of the request for a tunnel to u. */
sluice_str fetch_proxy_connect(const struct fetch_proxy *p, const struct url *u, struct arena *a);

#endif
