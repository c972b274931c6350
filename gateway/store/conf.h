/*
 * An entry of the `stores:` block. Its option table checks each option; store_conf_check() checks
 * rules between options.
 */
#ifndef STORE_CONF_H
#define STORE_CONF_H

#include "redis/url.h"
#include "tls/conf.h"

struct store_conf {
	sluice_str name;
	sluice_str redis;         /* URL, secret; empty: a memory store */
	uint64_t memory;          /* bytes; 0: a Redis store */
	sluice_str user;          /* overrides the URL's */
	sluice_str password;      /* secret */
	sluice_str sentinel_user; /* the same at sentinels */
	sluice_str sentinel_password;
	uint64_t timeout;         /* of one command, unless a plugin gives another */
	uint64_t connect_timeout; /* ms */
	struct tls_client_conf tls;
};

/* One entry of `stores:`; name is the entry's key. */
extern const sluice_option store_options[];

/* Called for each mistake. option: the one concerned; NULL: the entry as a whole. */
typedef void (*store_report_fn)(void *ctx, bool is_warning, const char *option, const char *text);

/* Check the rules between options and parse the URL (strings in a). *url is filled for a Redis
 * store. 0, or -1 when an error was reported. */
must_use int store_conf_check(const struct store_conf *conf, struct arena *a, struct redis_url *url,
	store_report_fn report, void *ctx);

#endif
