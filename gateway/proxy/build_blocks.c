/* Stores, listeners and upstreams of a snapshot being built. Main thread. */
#include "config/value.h"
#include "proxy/build.h"
#include "store/store.h"
#include "tls/client.h"
#include "tls/server.h"
#include "tls/transport.h"

enum { OVERLOAD_BYTES_MIN = 16 << 20 }; /* less memory than that does not even start */

/* Where a mistake of one block's own check belongs. */
struct report {
	struct build *build;
	const void *dst; /* the bound struct */
};

/* ---- stores -------------------------------------------------------------------------------- */

static void report_store(void *ctx, bool is_warning, const char *option, const char *text)
{
	struct report *r = ctx;
	if (is_warning)
		bind_warn(&r->build->bind, r->dst, option, "%s", text);
	else
		(void)bind_error(&r->build->bind, r->dst, option, "%s", text);
}

void build_stores(struct build *b)
{
	struct snapshot *s = b->snap;
	const struct store_conf *v = s->conf.stores.v;
	s->stores = arena_zalloc(&s->arena, s->conf.stores.n * sizeof(struct sluice_store *) + 1);
	for (size_t i = 0; i < s->conf.stores.n; i++) {
		struct report r = { b, &v[i] };
		const struct store_args args = { .conf = &v[i],
			.dir = config_dir(&b->config, bind_node(&b->bind, &v[i])),
			.workers = b->snap->n_workers,
			.report = report_store,
			.report_ctx = &r };
		struct sluice_store *st = store_new(&args);
		if (st)
			s->stores[s->n_stores++] = st;
	}
}

static sluice_str build_store_name(struct build *b, size_t i)
{
	return ((const struct store_conf *)b->snap->conf.stores.v)[i].name;
}

int build_find_store(void *ctx, const struct node *n, const sluice_store **out)
{
	struct build *b = ctx;
	for (size_t i = 0; i < b->snap->n_stores; i++) {
		if (str_eq(str_of(store_name(b->snap->stores[i])), n->text)) {
			*out = b->snap->stores[i];
			return 0;
		}
	}
	for (size_t i = 0; i < b->snap->conf.stores.n; i++) {
		if (str_eq(build_store_name(b, i), n->text))
			return -1; /* it has a mistake of its own, which was reported */
	}
	(void)diag_error_node(b->diag, n, "there is no store \"%.*s\"", STR_ARG(n->text));
	build_hint_names(b, n->text, b->snap->conf.stores.n, build_store_name, "store");
	return -1;
}

/* ---- listeners ----------------------------------------------------------------------------- */

static void report_tls(void *ctx, bool is_warning, int index, const char *option, const char *text)
{
	struct report *r = ctx;
	const struct listener_conf *l = r->dst;
	const void *dst = &l->tls;
	if (index >= 0 && (size_t)index < l->tls.certificates.n)
		dst = (const struct tls_certificate_conf *)l->tls.certificates.v + index;
	if (is_warning)
		bind_warn(&r->build->bind, dst, option, "%s", text);
	else
		(void)bind_error(&r->build->bind, dst, option, "%s", text);
}

static struct tls_server *build_tls_server(struct build *b, const struct listener_conf *l)
{
	const char *protocols[3] = { NULL };
	unsigned n = 0;
	struct report r = { b, l };
	if (l->protocols & FRONT_H2)
		protocols[n++] = "h2";
	if (l->protocols & FRONT_HTTP1)
		protocols[n++] = "http/1.1";
	const struct tls_server_args args = { .conf = &l->tls,
		.dir = config_dir(&b->config, bind_node(&b->bind, l)),
		.protocols = protocols,
		.workers = b->snap->n_workers,
		.tickets = b->env->tickets,
		.report = report_tls,
		.report_ctx = &r };
	return tls_server_new(&args);
}

struct cidr_set *build_cidr_set(struct build *b, const void *dst, const char *option,
	sluice_strs texts)
{
	const char *why = "";
	size_t bad = 0;
	struct cidr_set *set = texts.n ? cidr_set_new(texts, &bad, &why) : NULL;
	if (texts.n && !set)
		(void)bind_error(&b->bind, dst, option, "\"%.*s\": %s", STR_ARG(texts.v[bad]), why);
	return set;
}

static void build_kept_fields(struct build *b, const struct listener_conf *l)
{
	for (size_t i = 0; i < l->forwarded.keep.n; i++) {
		sluice_str name = l->forwarded.keep.v[i];
		unsigned code = token_read(name.data, name.len);
		enum token t = (enum token)(code & TOKEN_CODE);
		if (code & TOKEN_IS_TWIN) {
			(void)bind_error(&b->bind, &l->forwarded, "keep",
				"\"%.*s\": a name with _ in place of - never passes",
				STR_ARG(name));
			diag_hint(b->diag,
				"many programs cannot tell them apart: write the name with -");
		} else if (!(code & TOKEN_IS_EDGE) &&
			(!(token_flags(t) & TOKEN_OURS) || t == TOKEN_VIA ||
				t == TOKEN_X_REQUEST_ID)) {
			(void)bind_error(&b->bind, &l->forwarded, "keep",
				"\"%.*s\" is none of the fields that are taken away",
				STR_ARG(name));
			diag_hint(b->diag,
				"these are X-Forwarded-*, Forwarded, X-Real-IP, X-Original-* and "
				"their like");
		}
	}
}

static uint32_t build_client_bound(struct build *b, const struct listener_conf *l,
	const char *option, sluice_str text)
{
	uint32_t n = 0;
	if (!client_bound_parse(text, &n))
		(void)bind_error(&b->bind, l, option,
			"\"%.*s\" is neither auto nor a number from 0 to 65535", STR_ARG(text));
	return n;
}

static void build_same_listener(struct build *b, const struct listener_conf *l,
	const struct listener_conf *other)
{
	struct mark at = node_mark(bind_node(&b->bind, other));
	(void)bind_error(&b->bind, l, "name", "listener \"%.*s\" is there already, at %s:%u:%u",
		STR_ARG(l->name), at.file, at.line, at.col);
}

void build_listeners(struct build *b)
{
	struct snapshot *s = b->snap;
	const struct listener_conf *v = s->conf.listeners.v;
	s->n_listeners = s->conf.listeners.n;
	s->listeners = arena_zalloc(&s->arena, s->n_listeners * sizeof(*s->listeners) + 1);
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct snapshot_listener *l = &s->listeners[i];
		l->conf = &v[i];
		if (v[i].address.len &&
			!addr_parse(config_address(&b->config, bind_node(&b->bind, &v[i]),
					    v[i].address),
				&l->addr)) {
			(void)bind_error(&b->bind, &v[i], "address",
				"\"%.*s\" is no address to listen on", STR_ARG(v[i].address));
			diag_hint(b->diag,
				"write ADDRESS:PORT such as 0.0.0.0:8080 or [::]:8080, or "
				"unix:PATH");
		}
		build_access(b, &v[i], l);
		for (size_t j = 0; j < i; j++) {
			if (str_eq(v[i].name, v[j].name))
				build_same_listener(b, &v[i], &v[j]);
			if (l->addr.len && addr_eq(&l->addr, &s->listeners[j].addr))
				(void)bind_error(&b->bind, &v[i], "address",
					"listener \"%.*s\" has this address already",
					STR_ARG(v[j].name));
		}
		if (bind_given(&b->bind, &v[i], "tls"))
			l->tls = build_tls_server(b, &v[i]);
		l->balancers =
			build_cidr_set(b, &v[i].proxy_protocol, "from", v[i].proxy_protocol.from);
		l->trusted_proxies =
			build_cidr_set(b, &v[i], "trusted_proxies", v[i].trusted_proxies);
		build_kept_fields(b, &v[i]);
		l->client.connections = build_client_bound(b, &v[i], "max_connections_per_client",
			v[i].max_connections_per_client);
		l->client.requests = build_client_bound(b, &v[i], "max_requests_per_client",
			v[i].max_requests_per_client);
		if (!v[i].trusted_proxies.n && bind_given(&b->bind, &v[i], "client_ip_from"))
			bind_warn(&b->bind, &v[i], "client_ip_from",
				"nobody is believed: trusted_proxies is empty");
	}
}

/* ---- overload ------------------------------------------------------------------------------ */

/* A share, an amount where the resource has a unit, or off. */
static void build_mark(struct build *b, const char *option, sluice_str text, bool may_size,
	struct overload_mark *out)
{
	const struct overload_conf *c = &b->snap->conf.runtime.overload;
	uint64_t n = 0;
	*out = (struct overload_mark){ 0 };
	if (str_eq(text, STR("off")))
		return;
	if (str_ends(text, STR("%")) &&
		value_uint(str_n(text.data, text.len - 1), &n) == VALUE_OK && n >= 1 && n <= 100) {
		out->percent = n;
	} else if (may_size && !str_ends(text, STR("%")) && value_size(text, &n) == VALUE_OK &&
		n >= OVERLOAD_BYTES_MIN) {
		out->amount = n;
	} else {
		(void)bind_error(&b->bind, c, option, "\"%.*s\" is no share from 1%% to 100%%",
			STR_ARG(text));
		diag_hint(b->diag,
			may_size ? "write 90%%, a size of 16MiB or more such as 2GiB, or off"
				 : "write 90%%, or off");
	}
}

void build_overload(struct build *b)
{
	const struct overload_conf *c = &b->snap->conf.runtime.overload;
	build_mark(b, "memory", c->memory, true, &b->snap->memory);
	build_mark(b, "descriptors", c->descriptors, false, &b->snap->descriptors);
}

/* ---- admin --------------------------------------------------------------------------------- */

void build_admin(struct build *b)
{
	struct snapshot *s = b->snap;
	const struct admin_conf *c = &s->conf.admin;
	if (c->address.len &&
		!addr_parse(config_address(&b->config, bind_node(&b->bind, c), c->address),
			&s->admin)) {
		(void)bind_error(&b->bind, c, "address", "\"%.*s\" is no address to listen on",
			STR_ARG(c->address));
		diag_hint(b->diag, "write ADDRESS:PORT such as 127.0.0.1:9180, or unix:PATH");
	}
	for (size_t i = 0; s->admin.len && i < s->n_listeners; i++) {
		if (addr_eq(&s->admin, &s->listeners[i].addr))
			(void)bind_error(&b->bind, c, "address",
				"listener \"%.*s\" has this address already",
				STR_ARG(s->listeners[i].conf->name));
	}
}

/* ---- upstreams ----------------------------------------------------------------------------- */

static void report_upstream_tls(void *ctx, bool is_warning, int index, const char *option,
	const char *text)
{
	struct report *r = ctx;
	const struct upstream_conf *u = r->dst;
	(void)index;
	if (is_warning)
		bind_warn(&r->build->bind, &u->tls, option, "%s", text);
	else
		(void)bind_error(&r->build->bind, &u->tls, option, "%s", text);
}

int build_upstream_index(const struct snapshot *s, sluice_str name)
{
	for (size_t i = 0; i < s->n_upstreams; i++) {
		if (str_eq(s->upstreams[i].conf->name, name))
			return (int)i;
	}
	return -1;
}

static sluice_str build_upstream_name(struct build *b, size_t i)
{
	return b->snap->upstreams[i].conf->name;
}

void build_hint_upstreams(struct build *b, sluice_str name)
{
	build_hint_names(b, name, b->snap->n_upstreams, build_upstream_name, "upstream");
}

int build_find_upstream(void *ctx, const struct node *n, const sluice_upstream **out)
{
	struct build *b = ctx;
	(void)out;
	if (build_upstream_index(b->snap, n->text) >= 0)
		return 0;
	(void)diag_error_node(b->diag, n, "there is no upstream \"%.*s\"", STR_ARG(n->text));
	build_hint_upstreams(b, n->text);
	return -1;
}

void build_upstreams(struct build *b)
{
	struct snapshot *s = b->snap;
	struct upstream_conf *v = s->conf.upstreams.v;
	s->n_upstreams = s->conf.upstreams.n;
	s->upstreams = arena_zalloc(&s->arena, s->n_upstreams * sizeof(*s->upstreams) + 1);
	for (size_t i = 0; i < s->n_upstreams; i++) {
		struct snapshot_upstream *u = &s->upstreams[i];
		struct report r = { b, &v[i] };
		u->conf = &v[i];
		v[i].zone = s->conf.runtime.zone;
		build_upstream_rules(b, u);
		if (upstream_conf_check(&b->bind, &v[i]) < 0 || !v[i].use_tls)
			continue;
		const struct tls_client_args args = { .conf = &v[i].tls,
			.dir = config_dir(&b->config, bind_node(&b->bind, &v[i])),
			.protocols = upstream_alpn(&v[i]),
			.workers = b->snap->n_workers,
			.report = report_upstream_tls,
			.report_ctx = &r };
		u->client = tls_client_new(&args);
	}
}
