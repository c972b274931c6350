/*
 * The `stores:` block: what one store is made of, as its option table binds it. Rules that concern
 * more than one option are store_conf_check().
 */
#ifndef STORE_CONF_H
#define STORE_CONF_H

#include "redis/url.h"
#include "tls/conf.h"

struct store_conf {
	sluice_str name;
	sluice_str redis;         /* URL, secret; empty: a memory store */
	uint64_t memory;          /* bytes; 0: a Redis store */
	sluice_str user;          /* log in as; what the URL says counts otherwise */
	sluice_str password;      /* secret */
	sluice_str sentinel_user; /* the same at sentinels */
	sluice_str sentinel_password;
	uint64_t timeout;         /* ms; of one command, where a plugin does not say */
	uint64_t connect_timeout; /* ms */
	struct tls_client_conf tls;
};

/* One entry of `stores:`; name is the entry's key. */
extern const sluice_option store_options[];

/* Told of every mistake. option: the option concerned, NULL: the entry as a whole. */
typedef void (*store_report_fn)(void *ctx, bool is_warning, const char *option, const char *text);

/* The rules between options, and what the URL says (strings in a); *url is filled for a Redis
 * store. 0, or -1 when an error was reported. */
must_use int store_conf_check(const struct store_conf *conf, struct arena *a, struct redis_url *url,
	store_report_fn report, void *ctx);

#endif
