/* Reading scripts. See script.h. */
#include "script.h"

#include "http/uri.h"

#include "config/table.h"
#include "known.h"

static const char *const failures[] = { "no", "unreachable", "timeout", "error", NULL };
static const char *const store_kinds[] = { "memory", "redis", NULL };

#define R struct script_request
static const sluice_option request_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, R, method, .def = "GET", .min = "1", .doc = "method"),
	SLUICE_OPTION(SLUICE_T_STR, R, target, .def = "/", .min = "1",
		.doc = "path, and query if there is one, as the client sends them"),
	SLUICE_OPTION(SLUICE_T_STR, R, host, .def = "api.example.com", .min = "1",
		.doc = "host that the client asks for, with its port if it says one"),
	SLUICE_OPTION(SLUICE_T_STR, R, scheme, .def = "https", .doc = "http or https"),
	SLUICE_OPTION(SLUICE_T_STR, R, client, .def = "203.0.113.7",
		.doc = "address of the client"),
	SLUICE_OPTION(SLUICE_T_PAIRS, R, fields, .flags = SLUICE_F_MULTI,
		.doc = "header fields; a list of values is as many fields"),
	SLUICE_OPTION(SLUICE_T_STR, R, body, .max = "4194304", .doc = "body"),
	SLUICE_OPTION(SLUICE_T_PAIRS, R, trailers, .flags = SLUICE_F_MULTI,
		.doc = "trailers behind the body"),
	SLUICE_OPTION(SLUICE_T_SIZE, R, leaves_after, .max = "4MiB",
		.doc = "how much of a streamed answer the client takes before it leaves; left out: "
		       "all of it"),
	SLUICE_OPTIONS_END,
};
#undef R

#define U struct script_upstream
static const sluice_option upstream_options[] = {
	SLUICE_OPTION(SLUICE_T_UINT, U, status, .def = "200", .min = "200", .max = "599",
		.doc = "status code"),
	SLUICE_OPTION(SLUICE_T_ENUM, U, fails, .def = "no", .choices = failures,
		.doc = "how it fails, before it answers; error: it breaks the protocol"),
	SLUICE_OPTION(SLUICE_T_PAIRS, U, fields, .flags = SLUICE_F_MULTI,
		.doc = "header fields; a list of values is as many fields"),
	SLUICE_OPTION(SLUICE_T_STR, U, body, .max = "4194304", .doc = "body"),
	SLUICE_OPTION(SLUICE_T_PAIRS, U, trailers, .flags = SLUICE_F_MULTI,
		.doc = "trailers behind the body"),
	SLUICE_OPTIONS_END,
};
#undef U

#define F struct script_fetch
static const sluice_option fetch_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, F, url, .flags = SLUICE_F_REQUIRED, .min = "1",
		.doc = "URL that a plugin fetches"),
	SLUICE_OPTION(SLUICE_T_UINT, F, status, .def = "200", .min = "100", .max = "599",
		.doc = "status code"),
	SLUICE_OPTION(SLUICE_T_PAIRS, F, fields, .max = "16", .flags = SLUICE_F_MULTI,
		.doc = "header fields"),
	SLUICE_OPTION(SLUICE_T_STR, F, body, .max = "4194304", .doc = "body"),
	SLUICE_OPTION(SLUICE_T_DURATION, F, after, .def = "5ms", .max = "10m",
		.doc = "how long it takes; a fetch with a shorter deadline ends by that"),
	SLUICE_OPTION(SLUICE_T_ENUM, F, fails, .def = "no", .choices = failures,
		.doc = "how it fails"),
	SLUICE_OPTIONS_END,
};
#undef F

#define P struct script_reply
static const sluice_option reply_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, P, store, .flags = SLUICE_F_REQUIRED, .min = "1",
		.doc = "name of a Redis store of the script"),
	SLUICE_OPTION(SLUICE_T_NODE, P, reply,
		.doc = "what the next command or script gets: a number, a text in quotes, a list "
		       "of these; nil when left out. The last one is repeated"),
	SLUICE_OPTION(SLUICE_T_DURATION, P, after, .def = "1ms", .max = "10m",
		.doc = "how long it takes; a call with a shorter deadline ends by that"),
	SLUICE_OPTION(SLUICE_T_ENUM, P, fails, .def = "no", .choices = failures,
		.doc = "how it fails"),
	SLUICE_OPTIONS_END,
};
#undef P

#define O struct script_forwarded
static const sluice_option forwarded_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, O, method, .doc = "method"),
	SLUICE_OPTION(SLUICE_T_STR, O, target, .doc = "path and query"),
	SLUICE_OPTION(SLUICE_T_STR, O, host, .doc = "host that the upstream is asked for"),
	SLUICE_OPTION(SLUICE_T_STR, O, upstream,
		.doc = "name of the upstream; \"upstream\" unless a plugin set another"),
	SLUICE_OPTION(SLUICE_T_PAIRS, O, fields, .flags = SLUICE_F_MULTI,
		.doc = "header fields with all of their values, in order"),
	SLUICE_OPTION(SLUICE_T_STRS, O, has, .doc = "header fields that are there"),
	SLUICE_OPTION(SLUICE_T_STRS, O, without, .doc = "header fields that are not there"),
	SLUICE_OPTION(SLUICE_T_STR, O, body, .doc = "body"),
	SLUICE_OPTION(SLUICE_T_PAIRS, O, trailers, .flags = SLUICE_F_MULTI,
		.doc = "trailers with all of their values, in order"),
	SLUICE_OPTIONS_END,
};
#undef O

#define E struct script_expect
static const sluice_option expect_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, E, answered_by,
		.doc = "who answers: the name of an instance, \"upstream\", or \"gateway\" for "
		       "its own refusals"),
	SLUICE_OPTION(SLUICE_T_STR, E, refused,
		.doc = "code with which a hook of connections refuses, so that there is no "
		       "request; plugin-failed: it fails; an empty value: none refuses"),
	SLUICE_OPTION(SLUICE_T_UINT, E, status, .min = "200", .max = "599", .doc = "status code"),
	SLUICE_OPTION(SLUICE_T_STR, E, reason, .doc = "problem code of a refusal"),
	SLUICE_OPTION(SLUICE_T_STR, E, detail,
		.doc = "what a refusal tells the client; the gateway makes its body"),
	SLUICE_OPTION(SLUICE_T_PAIRS, E, fields, .flags = SLUICE_F_MULTI,
		.doc = "header fields of the response with all of their values, in order"),
	SLUICE_OPTION(SLUICE_T_STRS, E, has, .doc = "header fields that are there"),
	SLUICE_OPTION(SLUICE_T_STRS, E, without, .doc = "header fields that are not there"),
	SLUICE_OPTION(SLUICE_T_STR, E, body, .doc = "body of the response"),
	SLUICE_OPTION(SLUICE_T_STR, E, body_has, .min = "1", .doc = "text that the body contains"),
	SLUICE_OPTION(SLUICE_T_PAIRS, E, trailers, .flags = SLUICE_F_MULTI,
		.doc = "trailers of the response with all of their values, in order"),
	SLUICE_OPTION(SLUICE_T_PAIRS, E, facts,
		.doc = "attributes that are stated at the end; an empty value: not stated"),
	SLUICE_OPTION(SLUICE_T_STRS, E, notes, .doc = "notes that the plugins have made"),
	SLUICE_OPTION(SLUICE_T_STRS, E, log,
		.doc = "texts that stand in the log, in this order: \"warn: cannot read\""),
	SLUICE_OPTION(SLUICE_T_BOOL, E, not_forwarded, .def = "false",
		.doc = "the upstream gets no request"),
	SLUICE_OPTION(SLUICE_T_BOOL, E, broken_off, .def = "false",
		.doc = "the response ends before it is complete"),
	SLUICE_OPTION(SLUICE_T_BLOCK, E, forwarded, .sub = forwarded_options,
		.sub_size = sizeof(struct script_forwarded), .doc = "what the upstream gets"),
	SLUICE_OPTIONS_END,
};
#undef E

#define C struct script_case
static const sluice_option case_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, C, name, .flags = SLUICE_F_REQUIRED, .min = "1", .max = "200",
		.doc = "what the case shows"),
	SLUICE_OPTION(SLUICE_T_STRS, C, chain, .max = "16",
		.doc = "instances through which the request goes, in this order; left out: the "
		       "chain of the script"),
	SLUICE_OPTION(SLUICE_T_UINT, C, repeat, .def = "1", .min = "1", .max = "1000",
		.doc = "how often the request is sent, on one worker; what is expected is said of "
		       "the last time"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, pause, .def = "0s", .max = "30d",
		.doc = "time between them"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, before, .def = "10ms", .max = "30d",
		.doc = "time that passes before the first one: timers and fetches of the "
		       "instances run"),
	SLUICE_OPTION(SLUICE_T_BLOCK, C, request, .sub = request_options,
		.sub_size = sizeof(struct script_request), .flags = SLUICE_F_SUBOBJECT,
		.doc = "what the client sends"),
	SLUICE_OPTION(SLUICE_T_PAIRS, C, facts,
		.doc = "facts by their names in a configuration: what the gateway knows "
		       "(tls_sni, client_cert_subject, listener), and attributes that other "
		       "plugins have stated before"),
	SLUICE_OPTION(SLUICE_T_PAIRS, C, numbers,
		.doc = "numbers of the request by their names in sluice_number(), in lower case: "
		       "bytes_in, duration_us; any other is not known"),
	SLUICE_OPTION(SLUICE_T_BLOCK, C, upstream, .sub = upstream_options,
		.sub_size = sizeof(struct script_upstream), .flags = SLUICE_F_SUBOBJECT,
		.doc = "what the upstream answers"),
	SLUICE_OPTION(SLUICE_T_LIST, C, fetches, .sub = fetch_options,
		.sub_size = sizeof(struct script_fetch), .max = "64",
		.doc = "what URLs answer; any other is unreachable"),
	SLUICE_OPTION(SLUICE_T_LIST, C, stores, .sub = reply_options,
		.sub_size = sizeof(struct script_reply), .max = "64",
		.doc = "what Redis stores reply, in the order of the calls"),
	SLUICE_OPTION(SLUICE_T_BLOCK, C, expect, .sub = expect_options,
		.sub_size = sizeof(struct script_expect), .flags = SLUICE_F_SUBOBJECT,
		.doc = "what must come of it; what is not said may be anything"),
	SLUICE_OPTIONS_END,
};
#undef C

#define N struct script_store
static const sluice_option store_options_of_script[] = {
	SLUICE_OPTION(SLUICE_T_STR, N, name, .flags = SLUICE_F_KEY, .doc = "name"),
	SLUICE_OPTION(SLUICE_T_ENUM, N, kind, .flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR,
		.choices = store_kinds,
		.doc = "memory: a real one of 1 MiB; redis: the cases say what it replies"),
	SLUICE_OPTIONS_END,
};
#undef N

const sluice_option script_options[] = {
	SLUICE_OPTION(SLUICE_T_NODE, struct script, plugins, .flags = SLUICE_F_REQUIRED,
		.doc = "instances of plugins by name: `use`, and the options of the plugin"),
	SLUICE_OPTION(SLUICE_T_STRS, struct script, chain, .max = "16",
		.doc = "instances through which requests go; left out: all, as in the file"),
	SLUICE_OPTION(SLUICE_T_MAP, struct script, stores, .sub = store_options_of_script,
		.sub_size = sizeof(struct script_store), .max = "8",
		.doc = "stores that options of the instances name: NAME: memory, NAME: redis"),
	SLUICE_OPTION(SLUICE_T_LIST, struct script, cases, .sub = case_options,
		.sub_size = sizeof(struct script_case), .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "1000", .doc = "what is tried"),
	SLUICE_OPTIONS_END,
};

/* ---- rules between options ----------------------------------------------------------------- */

/* Each member of a list of names is an instance. */
static void check_chain(struct script *s, const void *of, sluice_strs chain)
{
	for (size_t i = 0; i < chain.n; i++) {
		if (node_find(s->plugins, chain.v[i]))
			continue;
		(void)bind_error(&s->bind, of, "chain", "there is no instance \"%.*s\"",
			STR_ARG(chain.v[i]));
		diag_hint(&s->diag, "the instances are those of `plugins` in this file");
	}
}

static void check_fields(struct script *s, const void *of, const char *option, sluice_pairs v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (!str_is_token(v.v[i].name))
			(void)bind_error(&s->bind, of, option, "\"%.*s\" is no name of a field",
				STR_ARG(v.v[i].name));
		else if (!str_is_field_value(v.v[i].value))
			(void)bind_error(&s->bind, of, option,
				"the value of %.*s has a control byte", STR_ARG(v.v[i].name));
	}
}

static void check_request(struct script *s, const struct script_request *r)
{
	bool is_path = r->target.len && (r->target.data[0] == '/' || str_eq(r->target, STR("*")));
	if (!str_is_token(r->method))
		(void)bind_error(&s->bind, r, "method", "is no method");
	if (!is_path) {
		(void)bind_error(&s->bind, r, "target", "must begin with \"/\"");
		diag_hint(&s->diag, "the host is a line of its own: host: api.example.com");
	}
	struct request_head h = { .method_text = r->method,
		.method = (uint8_t)method_find(r->method),
		.version = 11,
		.target = r->target,
		.authority = r->host };
	if (is_path && uri_parse_target(&h, &s->arena) < 0)
		(void)bind_error(&s->bind, r, "target",
			"the gateway refuses such a target or host");
	check_fields(s, r, "fields", r->fields);
	check_fields(s, r, "trailers", r->trailers);
}

static void check_facts(struct script *s, const struct script_case *c)
{
	for (size_t i = 0; i < c->facts.n; i++) {
		sluice_str name = c->facts.v[i].name;
		if (!known_is_of_request(name))
			continue;
		(void)bind_error(&s->bind, c, "facts", "%.*s is part of the request",
			STR_ARG(name));
		diag_hint(&s->diag,
			"say it in `request`: method, target, host, scheme, client, fields");
	}
}

static void check_numbers(struct script *s, const struct script_case *c)
{
	for (size_t i = 0; i < c->numbers.n; i++) {
		sluice_pair n = c->numbers.v[i];
		uint64_t value;
		if (known_number(n.name) < 0) {
			(void)bind_error(&s->bind, c, "numbers", "there is no number %.*s",
				STR_ARG(n.name));
			diag_hint(&s->diag, "there are %s", known_numbers);
		} else if (!str_u64(n.value, &value) || value > INT64_MAX) {
			(void)bind_error(&s->bind, c, "numbers", "%.*s: expected a number",
				STR_ARG(n.name));
		}
	}
}

static bool store_is_redis(const struct script *s, sluice_str name)
{
	const struct script_store *v = s->stores.v;
	for (size_t i = 0; i < s->stores.n; i++) {
		if (str_eq(v[i].name, name))
			return v[i].kind == SCRIPT_REDIS;
	}
	return false;
}

static void check_replies(struct script *s, const struct script_case *c)
{
	const struct script_reply *v = c->stores.v;
	for (size_t i = 0; i < c->stores.n; i++) {
		if (store_is_redis(s, v[i].store))
			continue;
		(void)bind_error(&s->bind, &v[i], "store", "there is no Redis store \"%.*s\"",
			STR_ARG(v[i].store));
		diag_hint(&s->diag, "at the top of the file: stores: { %.*s: redis }",
			STR_ARG(v[i].store));
	}
}

static void check_expect(struct script *s, const struct script_case *c)
{
	const struct script_expect *e = &c->expect;
	sluice_str who = e->answered_by;
	if (who.data && !str_eq(who, STR("upstream")) && !str_eq(who, STR("gateway")) &&
		!node_find(s->plugins, who)) {
		(void)bind_error(&s->bind, e, "answered_by", "nobody is called \"%.*s\"",
			STR_ARG(who));
		diag_hint(&s->diag, "write upstream, gateway, or the name of an instance");
	}
	if (e->not_forwarded && bind_given(&s->bind, e, "forwarded"))
		(void)bind_error(&s->bind, e, "not_forwarded", "contradicts `forwarded`");
	check_fields(s, e, "fields", e->fields);
	check_fields(s, &e->forwarded, "fields", e->forwarded.fields);
}

static void check_name(struct script *s, size_t i)
{
	const struct script_case *c = script_case(s, i);
	for (size_t k = 0; k < i; k++) {
		if (str_eq(script_case(s, k)->name, c->name))
			(void)bind_error(&s->bind, c, "name", "another case is called so");
	}
}

static void check_case(struct script *s, size_t i)
{
	const struct script_case *c = script_case(s, i);
	check_name(s, i);
	check_chain(s, c, c->chain);
	check_request(s, &c->request);
	check_fields(s, &c->upstream, "fields", c->upstream.fields);
	check_fields(s, &c->upstream, "trailers", c->upstream.trailers);
	check_facts(s, c);
	check_numbers(s, c);
	check_replies(s, c);
	check_expect(s, c);
	if (!c->chain.n && !s->chain.n && s->plugins->n > SCRIPT_CHAIN)
		(void)bind_error(&s->bind, c, NULL, "say through which of the instances it goes");
}

static bool script_bind(struct script *s)
{
	bind_init(&s->bind, &s->arena, &s->diag, &s->config);
	bool ok = s->config.root && bind_map(&s->bind, s->config.root, script_options, s) == 0;
	if (!ok)
		return false;
	if (s->plugins->kind != NODE_MAP || s->plugins->n == 0) {
		(void)diag_error_node(&s->diag, s->plugins, "expected a block of instances, not %s",
			node_kind_text(s->plugins));
		diag_hint(&s->diag, "write NAME: { use: PLUGIN }");
		return false;
	}
	check_chain(s, s, s->chain);
	for (size_t i = 0; i < s->cases.n; i++)
		check_case(s, i);
	return s->diag.n_errors == 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void script_init(struct script *s)
{
	*s = (struct script){ .plugins = NULL };
	arena_init(&s->arena, 0);
	diag_init(&s->diag);
	config_init(&s->config, &s->arena, &s->diag);
}

bool script_load(struct script *s, const char *file)
{
	script_init(s);
	bool ok = config_load(&s->config, file) == 0;
	return script_bind(s) && ok;
}

bool script_load_text(struct script *s, const char *file, const char *dir, sluice_str text)
{
	script_init(s);
	bool ok = config_load_text(&s->config, file, dir, text) == 0;
	return script_bind(s) && ok;
}

void script_fini(struct script *s)
{
	bind_fini(&s->bind);
	diag_fini(&s->diag);
	arena_fini(&s->arena);
}

size_t script_chain(const struct script *s, const struct script_case *c,
	sluice_str out[SCRIPT_CHAIN])
{
	sluice_strs chain = c->chain.n ? c->chain : s->chain;
	size_t n = chain.n ? chain.n : s->plugins->n;
	for (size_t i = 0; i < n; i++)
		out[i] = chain.n ? chain.v[i] : s->plugins->v[i]->key;
	return n;
}
