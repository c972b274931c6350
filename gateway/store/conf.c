/* The options of a store. Main thread. */
#include "store/conf.h"

#include "store/cells.h"

const sluice_option store_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct store_conf, name, .flags = SLUICE_F_KEY, .min = "1",
		.max = "64", .doc = "name by which plugins use the store"),
	SLUICE_OPTION(SLUICE_T_STR, struct store_conf, redis, .flags = SLUICE_F_SECRET,
		.max = "4096",
		.doc = "URL of Redis: redis://[[user]:password@]host[:port][/db], or several "
		       "hosts separated by commas, of which the primary is used; "
		       "redis+sentinel://host[:port],.../NAME[/db]; "
		       "redis+cluster://host[:port],...; rediss in place of redis for TLS; or "
		       "unix:/path"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct store_conf, memory, .min = "4KiB", .max = "64GiB",
		.doc = "size of a store in the memory of this process, about 21 bytes for each "
		       "key; memory is allocated as it is used"),
	SLUICE_OPTION(SLUICE_T_STR, struct store_conf, user, .max = "1024",
		.doc = "user name for Redis, in place of one in the URL"),
	SLUICE_OPTION(SLUICE_T_STR, struct store_conf, password, .flags = SLUICE_F_SECRET,
		.max = "1024", .doc = "password for Redis, in place of one in the URL"),
	SLUICE_OPTION(SLUICE_T_STR, struct store_conf, sentinel_user, .max = "1024",
		.doc = "user name for the sentinels"),
	SLUICE_OPTION(SLUICE_T_STR, struct store_conf, sentinel_password, .flags = SLUICE_F_SECRET,
		.max = "1024", .doc = "password for the sentinels; left out: they need none"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct store_conf, timeout, .def = "50ms", .min = "1ms",
		.max = "1m",
		.doc = "longest time for a command, unless the plugin sets its own; a server "
		       "counts as down when it has answered nothing in time for a second"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct store_conf, connect_timeout, .def = "1s",
		.min = "10ms", .max = "1m",
		.doc = "longest time to look up, connect to and log in at one host"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct store_conf, tls, .flags = SLUICE_F_SUBOBJECT,
		.sub = tls_client_options,
		.doc = "TLS to the servers of a rediss:// URL, and to the sentinels of "
		       "rediss+sentinel://"),
	SLUICE_OPTIONS_END,
};

struct store_check {
	store_report_fn report;
	void *ctx;
	int result;
};

static void store_wrong(struct store_check *c, const char *option, const char *text)
{
	c->report(c->ctx, false, option, text);
	c->result = -1;
}

static bool tls_is_given(const struct tls_client_conf *t)
{
	return !t->verify || t->ca.len || t->server_name.len || t->certificate.len ||
		t->private_key.len || t->min_version != TLS_1_2;
}

static void store_check_redis(struct store_check *c, const struct store_conf *conf, struct arena *a,
	struct redis_url *url)
{
	const char *error;
	if (redis_url_parse(a, conf->redis, url, &error) < 0) {
		store_wrong(c, "redis", error);
		return;
	}
	if (conf->user.len)
		url->user = arena_str(a, conf->user);
	if (conf->password.len)
		url->password = arena_str(a, conf->password);
	if (url->user.len && !url->password.len)
		store_wrong(c, "user", "a user needs a password");
	if ((conf->sentinel_user.len || conf->sentinel_password.len) && url->kind != REDIS_SENTINEL)
		store_wrong(c, conf->sentinel_user.len ? "sentinel_user" : "sentinel_password",
			"is for redis+sentinel:// URLs, and this store's URL is not one");
	if (conf->sentinel_user.len && !conf->sentinel_password.len)
		store_wrong(c, "sentinel_user", "a user needs a password: sentinel_password");
	if (tls_is_given(&conf->tls) && !url->tls)
		store_wrong(c, "tls", "is for rediss:// URLs, and this store's URL is not one");
}

static void store_check_memory(struct store_check *c, const struct store_conf *conf)
{
	const char *option = conf->user.len   ? "user"
		: conf->password.len          ? "password"
		: conf->sentinel_user.len     ? "sentinel_user"
		: conf->sentinel_password.len ? "sentinel_password"
		: tls_is_given(&conf->tls)    ? "tls"
					      : NULL;
	if (option)
		store_wrong(c, option, "has no meaning for a memory store");
}

int store_conf_check(const struct store_conf *conf, struct arena *a, struct redis_url *url,
	store_report_fn report, void *ctx)
{
	struct store_check c = { report, ctx, 0 };
	if (conf->redis.len && conf->memory)
		store_wrong(&c, "memory", "a store is either redis or memory, not both");
	else if (conf->redis.len)
		store_check_redis(&c, conf, a, url);
	else if (!conf->memory)
		store_wrong(&c, NULL, "needs either redis or memory");
	else
		store_check_memory(&c, conf);
	return c.result;
}
