/* Stores by name. Memory stores are real; Redis stores are real but for the connection: the
 * functions of redis/link are here, and ask the test in the place of a server. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "config/bind.h"
#include "config/diag.h"
#include "kit_internal.h"
#include "redis/cluster.h"
#include "redis/link.h"
#include "store/store.h"

struct kit_server {
	struct kit_server *next;
	const char *name;
	struct sluice_store *store; /* taken */
	kit_store_handler handler;  /* NULL: unreachable */
	void *ctx;
	uint64_t delay_ms;
	unsigned calls;
	bool has_no_channels;
};

struct redis_link {
	struct redis_link *next;
	struct worker *worker;
	struct kit_server *server;
	const struct redis_channel *channel; /* NULL: it is for commands */
	bool is_connected;                   /* the owner of the channel was told */
	struct timer connect;
};

static struct kit_server *servers;
static struct redis_link *links;

/* ---- by name ------------------------------------------------------------------------------- */

static struct kit_server *server_find(const struct sluice_store *s)
{
	for (struct kit_server *k = servers; k; k = k->next) {
		if (k->store == s)
			return k;
	}
	kit_die("a store that kit_store() did not make");
}

const sluice_store *kit_store_find(sluice_str name)
{
	for (struct kit_server *k = servers; k; k = k->next) {
		if (str_eq(str_of(k->name), name))
			return k->store;
	}
	return NULL;
}

static void on_report(void *ctx, bool is_warning, const char *option, const char *text)
{
	(void)ctx;
	if (!is_warning)
		kit_die("a store: %s: %s", option ? option : "-", text);
}

/* An entry of the block `stores`. */
static void store_bind(struct store_conf *conf, sluice_str text)
{
	struct diag d;
	struct config c;
	struct bind b;
	diag_init(&d);
	config_init(&c, &kit_arena, &d);
	bool ok = config_load_text(&c, "test.yaml", "/", text) == 0;
	bind_init(&b, &kit_arena, &d, &c);
	if (!ok || bind_map(&b, c.root, store_options, conf) < 0)
		kit_die("a store cannot be made of: %.*s", STR_ARG(text));
	bind_fini(&b);
	diag_fini(&d);
}

sluice_store *kit_store(const char *name, sluice_store_kind kind)
{
	struct store_conf conf = { .timeout = 0 };
	store_bind(&conf,
		kind == SLUICE_STORE_MEMORY
			? STR("memory: 1MiB")
			: arena_printf(&kit_arena, "redis: redis://%s.example", name));
	conf.name = str_of(name);
	struct store_args args = { .conf = &conf, .workers = 1, .report = on_report };
	struct kit_server *k = arena_new(&kit_arena, struct kit_server);
	*k = (struct kit_server){ .next = servers,
		.name = kit_keep(name),
		.store = store_new(&args),
		.delay_ms = 1 };
	servers = k;
	return k->store;
}

void kit_store_handle(sluice_store *s, kit_store_handler fn, void *ctx)
{
	struct kit_server *k = server_find(s);
	k->handler = fn;
	k->ctx = ctx;
}

void kit_store_delay(sluice_store *s, uint64_t ms)
{
	server_find(s)->delay_ms = ms;
}

unsigned kit_store_calls(sluice_store *s)
{
	return server_find(s)->calls;
}

static void link_set_connected(struct redis_link *l, bool is_connected)
{
	if (!l->channel || l->is_connected == is_connected)
		return;
	l->is_connected = is_connected;
	l->channel->on_state(l->channel->ctx, is_connected);
}

void kit_store_channels(sluice_store *s, bool are_connected)
{
	struct kit_server *k = server_find(s);
	k->has_no_channels = !are_connected;
	for (struct redis_link *l = links, *next; l; l = next) {
		next = l->next;
		if (l->server == k)
			link_set_connected(l, are_connected);
	}
}

unsigned kit_store_publish(sluice_store *s, const char *channel, const char *message)
{
	unsigned n = 0;
	for (struct redis_link *l = links, *next; l; l = next) {
		next = l->next;
		if (l->server != server_find(s) || !l->is_connected ||
			!str_eq(l->channel->name, str_of(channel)))
			continue;
		l->channel->on_message(l->channel->ctx, str_of(message));
		n++;
	}
	return n;
}

void kit_store_reset(void)
{
	worker_end_part(&kit_worker, PART_STORE);
	for (struct kit_server *k = servers; k; k = k->next)
		store_free(&k->store);
	servers = NULL;
}

/* ---- in the place of redis/link ------------------------------------------------------------ */

static void link_on_connect(struct timer *t)
{
	struct redis_link *l = container_of(t, struct redis_link, connect);
	if (!l->server->has_no_channels)
		link_set_connected(l, true);
}

struct redis_link *redis_link_new(struct worker *w, const struct redis_conf *conf)
{
	struct redis_link *l = mem_new(struct redis_link);
	sluice_str host = conf->url.hosts[0].name;
	l->worker = w;
	for (struct kit_server *k = servers; k && !l->server; k = k->next) {
		if (str_starts(host, str_of(k->name)) && host.len == strlen(k->name) + 8)
			l->server = k;
	}
	l->channel = conf->channel;
	timer_init(&l->connect, link_on_connect);
	l->next = links;
	links = l;
	return l;
}

void redis_link_free(struct redis_link **link)
{
	struct redis_link *l = *link, **at = &links;
	*link = NULL;
	if (!l)
		return;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	timer_drop(&l->connect);
	free(l);
}

void redis_link_warm(struct redis_link *l)
{
	if (l->channel)
		worker_timer(l->worker, &l->connect, NS_PER_MS);
}

enum redis_state redis_link_state(const struct redis_link *l)
{
	(void)l;
	return REDIS_READY;
}

size_t redis_link_waiting(const struct redis_link *l)
{
	(void)l;
	return 0;
}

/* No store of the kit is a cluster. */
struct redis_cluster *cluster_new(struct worker *w, const struct redis_conf *conf)
{
	(void)w, (void)conf;
	kit_die("a cluster");
}

void cluster_free(struct redis_cluster **c)
{
	*c = NULL;
}

void cluster_warm(struct redis_cluster *c)
{
	(void)c;
}

size_t cluster_waiting(const struct redis_cluster *c)
{
	(void)c;
	return 0;
}

sluice_status cluster_send(struct redis_cluster *c, struct redis_call *call, const sluice_str *argv,
	size_t argc, uint64_t timeout_ns)
{
	(void)c, (void)call, (void)argv, (void)argc, (void)timeout_ns;
	return SLUICE_UNREACHABLE;
}

sluice_status cluster_eval(struct redis_cluster *c, struct redis_call *call,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ns)
{
	(void)c, (void)call, (void)script, (void)key, (void)args, (void)nargs, (void)timeout_ns;
	return SLUICE_UNREACHABLE;
}

void redis_conf_wipe(struct redis_conf *c)
{
	redis_url_wipe(&c->url);
}

/* A call's arguments are kept in its room, as the test is asked when the reply is due. */
struct kept {
	sluice_str key;
	uint64_t takes_ms, timeout_ns;
	size_t n;
	sluice_str args[];
};

static void call_end(struct redis_call *c)
{
	timer_drop(&c->timer);
	free(c->keep);
	c->keep = NULL;
	c->link = NULL;
}

static void call_on_due(struct timer *t)
{
	struct redis_call *c = container_of(t, struct redis_call, timer);
	const struct kept *kept = (const void *)c->keep;
	struct kit_server *k = c->link->server;
	sluice_value v = { .type = SLUICE_V_NIL };
	sluice_status st = SLUICE_TIMEOUT;
	kit_call call = { .script = c->script ? c->script->source.data : NULL,
		.key = kept->key,
		.args = kept->args,
		.nargs = kept->n,
		.timeout_ms = kept->timeout_ns / NS_PER_MS };
	if (kept->takes_ms < call.timeout_ms)
		st = k->handler ? k->handler(k->ctx, &call, &v) : SLUICE_UNREACHABLE;
	call_end(c);
	c->on_reply(c, st, &v);
}

void redis_call_init(struct redis_call *c, redis_reply_fn on_reply)
{
	c->on_reply = on_reply;
	c->link = NULL;
	c->keep = NULL;
	timer_init(&c->timer, call_on_due);
}

static sluice_str keep_text(char **at, sluice_str s)
{
	sluice_str copy = { *at, s.len };
	if (s.len)
		memcpy(*at, s.data, s.len);
	*at += s.len;
	return copy;
}

static sluice_status call_start(struct redis_link *l, struct redis_call *c,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t n,
	uint64_t timeout_ns)
{
	struct kit_server *k = l->server;
	size_t room = sizeof(struct kept) + n * sizeof(*args) + key.len;
	k->calls++;
	if (k->delay_ms == 0)
		return SLUICE_UNREACHABLE; /* it is known to be down */
	for (size_t i = 0; i < n; i++)
		room += args[i].len;
	struct kept *kept = mem_zeroed(1, room, "a call to a store");
	char *at = (char *)&kept->args[n];
	kept->key = keep_text(&at, key);
	kept->timeout_ns = timeout_ns;
	kept->n = n;
	for (size_t i = 0; i < n; i++)
		kept->args[i] = keep_text(&at, args[i]);
	c->keep = (char *)kept;
	c->link = l;
	c->script = script;
	kept->takes_ms = kit_takes(k->delay_ms, timeout_ns / NS_PER_MS);
	uint64_t delay_ns = kept->takes_ms * NS_PER_MS;
	worker_timer(l->worker, &c->timer, delay_ns < timeout_ns ? delay_ns : timeout_ns);
	return SLUICE_OK;
}

sluice_status redis_send(struct redis_link *l, struct redis_call *c, const sluice_str *argv,
	size_t argc, uint64_t timeout_ns)
{
	return call_start(l, c, NULL, STR_NONE, argv, argc, timeout_ns);
}

sluice_status redis_eval(struct redis_link *l, struct redis_call *c,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ns)
{
	return call_start(l, c, script, key, args, nargs, timeout_ns);
}

void redis_cancel(struct redis_call *c)
{
	if (c->link)
		call_end(c);
}
