/* Services of configuration time and of the main thread. */
#include "policy/host_conf.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "policy/edit.h"
#include "policy/expr.h"
#include "policy/fetching.h"
#include "policy/guard.h"
#include "policy/instance.h"
#include "policy/instance_fact.h"
#include "policy/run.h"
#include "policy/running.h"
#include "policy/template.h"
#include "redis/script.h"
#include "store/store.h"
#include "upstream/fetch.h"

enum { TIMER_MAX_MS = INT32_MAX }; /* 24 days */

/* Length of the first step of a path: up to the next dot or bracket. */
static size_t host_step(sluice_str path)
{
	size_t n = 0;
	while (n < path.len && path.data[n] != '.' && path.data[n] != '[')
		n++;
	return n;
}

/*
 * The node that a path such as request.set.X-User or servers[2].address leads to, or the last one
 * on the way there that exists, and whether it is all the way. Keys of maps may have dots: what is
 * left of the path is tried whole first.
 */
static const struct node *host_walk(const struct node *n, sluice_str path, bool *found)
{
	*found = false;
	while (path.len) {
		const struct node *next = NULL;
		size_t step = path.len;
		uint64_t i;
		if (path.data[0] == '[') {
			const char *end = memchr(path.data, ']', path.len);
			step = end ? (size_t)(end - path.data) + 1 : path.len;
			if (end && n->kind == NODE_LIST &&
				str_u64(str_n(path.data + 1, step - 2), &i) && i < n->n)
				next = n->v[i];
		} else {
			next = node_find(n, path);
			if (!next)
				next = node_find(n, str_n(path.data, step = host_step(path)));
		}
		if (!next)
			return n;
		n = next;
		path = str_n(path.data + step, path.len - step);
		if (path.len && path.data[0] == '.')
			path = str_n(path.data + 1, path.len - 1);
	}
	*found = true;
	return n;
}

static const struct node *host_option(const sluice_instance *inst, const char *option, bool *found)
{
	return host_walk(bind_node(inst->bind, inst->conf), str_of(option), found);
}

void host_conf_error(sluice_instance *inst, const char *option, const char *fmt, va_list ap)
{
	if (!guard_main(inst, "sluice_conf_error()") ||
		!guard_given(fmt, "sluice_conf_error()", "the text is NULL"))
		return;
	bool found;
	inst->failed = true;
	if (!inst->bind) {
		host_log(inst, NULL, LOG_ERROR, fmt, ap);
	} else if (option && strpbrk(option, ".[")) {
		struct mark at = node_mark(host_option(inst, option, &found));
		diag_add(inst->bind->diag, false, &at, fmt, ap);
	} else {
		bind_report(inst->bind, false, inst->conf, option, fmt, ap);
	}
}

void host_conf_hint(sluice_instance *inst, const char *fmt, va_list ap)
{
	if (!guard_main(inst, "sluice_conf_hint()") ||
		!guard_given(fmt, "sluice_conf_hint()", "the text is NULL"))
		return;
	char text[512];
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (inst->bind)
		diag_hint(inst->bind->diag, "%s", text);
}

static void host_report(sluice_instance *inst, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	host_conf_error(inst, NULL, fmt, ap);
	va_end(ap);
}

void host_secret(sluice_instance *inst, int kind, sluice_str name)
{
	if (!guard_main(inst, "sluice_secret()"))
		return;
	struct secrets probe = { 0 };
	struct instance_secret *s = arena_zalloc(&inst->arena, sizeof(*s));
	if (!secrets_add_query(&probe, &inst->arena, name)) {
		host_report(inst,
			"\"%.*s\" cannot be the name of a secret: it has no letter or digit, or "
			"more than %d bytes",
			STR_ARG(name), SECRET_NAME_BYTES);
		return;
	}
	*s = (struct instance_secret){ .next = inst->secrets,
		.name = probe.query[0],
		.is_field = kind == SLUICE_SECRET_FIELD };
	inst->secrets = s;
}

void host_own(sluice_instance *inst, int kind, sluice_str name)
{
	if (!guard_main(inst, "sluice_own()"))
		return;
	bool is_field = kind == SLUICE_OWN_WORD || kind == SLUICE_OWN_CREDENTIAL_FIELD;
	const char *why = !is_field
		? (name.len ? NULL : "has no name")
		: edit_refused(SLUICE_REQUEST, SLUICE_FIELD_REMOVE, name, STR(""));
	if (why) {
		host_report(inst, "field, cookie or parameter \"%.*s\" %s", STR_ARG(name), why);
		return;
	}
	struct instance_own *o = arena_new(&inst->arena, struct instance_own);
	*o = (struct instance_own){ .next = inst->owns,
		.name = arena_str(&inst->arena, name),
		.kind = kind };
	inst->owns = o;
}

/* Whether the segment has one form alone, and no character that patterns of routes have a meaning
 * for. */
static bool host_is_plain_segment(sluice_str s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";
	for (size_t i = 0; i < s.len; i++) {
		if (!memchr(plain, s.data[i], sizeof(plain) - 1))
			return false;
	}
	return !str_eq(s, STR(".")) && !str_eq(s, STR(".."));
}

/* RFC 8615 3. A slash may end it. */
static bool host_is_well_known(sluice_str path)
{
	sluice_str prefix = STR("/.well-known/"), rest = path;
	if (!str_starts(path, prefix) || path.len == prefix.len)
		return false;
	for ((void)str_cut(&rest, '/'); rest.data;) {
		sluice_str segment = str_cut(&rest, '/');
		if (!host_is_plain_segment(segment) || (!segment.len && rest.data))
			return false;
	}
	return true;
}

void host_serve(sluice_instance *inst, sluice_str path, const sluice_answer *a)
{
	static const char service[] = "sluice_serve()";
	if (!guard_main(inst, service) || !guard_given(a, service, "the answer is NULL"))
		return;
	if (!host_is_well_known(path)) {
		host_report(inst,
			"a document cannot be served at \"%.*s\": the path has to be letters, "
			"digits, -._~ and / behind /.well-known/",
			STR_ARG(path));
		return;
	}
	struct instance_document *d = arena_new(&inst->arena, struct instance_document);
	sluice_pair *v = arena_alloc(&inst->arena, (a->headers.n + 1) * sizeof(*v));
	for (size_t i = 0; i < a->headers.n; i++) {
		const sluice_pair *f = &a->headers.v[i];
		const char *why =
			edit_refused(SLUICE_RESPONSE, SLUICE_FIELD_SET, f->name, f->value);
		if (why)
			host_report(inst, "field \"%.*s\" of a document %s", STR_ARG(f->name), why);
		v[i] = (sluice_pair){ arena_str(&inst->arena, f->name),
			arena_str(&inst->arena, f->value) };
	}
	*d = (struct instance_document){ .next = inst->documents,
		.path = arena_str(&inst->arena, path),
		.status = a->status,
		.headers = { v, a->headers.n },
		.content_type = arena_str(&inst->arena, a->content_type),
		.body = arena_str(&inst->arena, a->body) };
	inst->documents = d;
}

void *host_conf_alloc(sluice_instance *inst, size_t n)
{
	if (!guard_main(inst, "sluice_conf_alloc()"))
		return NULL;
	return arena_zalloc(&inst->arena, n ? n : 1);
}

bool host_conf_given(sluice_instance *inst, const char *option)
{
	if (!guard_main(inst, "sluice_conf_given()") ||
		!guard_given(option, "sluice_conf_given()", "the option is NULL"))
		return false;
	bool found = false;
	if (inst->bind && strpbrk(option, ".["))
		(void)host_option(inst, option, &found);
	else if (inst->bind)
		found = bind_given(inst->bind, inst->conf, option);
	return found;
}

int host_read_file(sluice_instance *inst, sluice_str path, size_t max, sluice_str *out)
{
	if (!guard_main(inst, "sluice_read_file()") ||
		!guard_given(out, "sluice_read_file()", "there is no place for the text"))
		return -EINVAL;
	/* a plugin may read this again and again, so that it must not pile up */
	if (!inst->bind && inst->state != INSTANCE_STARTING) {
		const char *full = instance_path(inst, &inst->scratch, path);
		return file_read(&inst->scratch, full, max, out);
	}
	const char *full = instance_path(inst, &inst->arena, path);
	int err = file_read(&inst->arena, full, max, out);
	if (inst->bind) /* what was read at configuration is part of it */
		instance_add_file(inst, full, err, *out);
	return err;
}

sluice_str host_instance_name(sluice_instance *inst)
{
	if (!guard_given(inst, "sluice_instance_name()", "the instance is NULL"))
		return STR_NONE;
	return inst->name;
}

void host_log_tag(const sluice_instance *inst, char out[HOST_LOG_TAG])
{
	(void)snprintf(out, HOST_LOG_TAG, "%s/%.*s", inst ? inst->plugin->name : "plugin",
		inst ? (int)inst->name.len : 0, inst ? inst->name.data : "");
}

void host_log(sluice_instance *inst, sluice_exchange *x, int level, const char *fmt, va_list ap)
{
	if (!guard_given(fmt, "sluice_log()", "the text is NULL"))
		return;
	char tag[HOST_LOG_TAG];
	if (level < LOG_ERROR || level > LOG_DEBUG || !log_is_on((enum log_level)level))
		return;
	if (!inst && x && x->frame)
		inst = run_item(x)->inst;
	host_log_tag(inst, tag);
	log_vwrite((enum log_level)level, tag, fmt, ap);
}

/* A format and its arguments, for the functions that take a va_list. */
__attribute__((format(printf, 4, 5))) static void host_log_format(sluice_instance *inst,
	sluice_exchange *x, int level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	host_log(inst, x, level, fmt, ap);
	va_end(ap);
}

void host_log_text(sluice_instance *inst, sluice_exchange *x, int level, sluice_str text)
{
	host_log_format(inst, x, level, "%.*s", STR_ARG(text));
}

void host_timer(sluice_instance *inst, uint64_t ms, sluice_main_timer_fn fn)
{
	if (!guard_main(inst, "sluice_timer()") || !guard_callback(fn, "sluice_timer()"))
		return;
	if (inst->policy->n_workers == 0)
		return; /* the configuration is only checked */
	inst->on_timer = fn;
	worker_timer(inst->policy->main, &inst->timer,
		(ms < TIMER_MAX_MS ? ms : TIMER_MAX_MS) * NS_PER_MS);
}

static void host_on_fetch(void *ctx, const sluice_fetch_response *r)
{
	struct instance_fetch *f = ctx;
	sluice_main_fetch_fn fn = f->fn;
	sluice_fetch_response given = *r;
	given.user = f->user;
	f->fetch = NULL;
	instance_count_fetch(f->inst, r);
	running_set_main(f->inst, RUNNING_FETCH);
	fn(f->inst, f->inst->conf, &given);
	running_clear_main(f->inst);
	instance_returned(f->inst);
}

int host_main_fetch(sluice_instance *inst, const sluice_fetch_request *r, sluice_main_fetch_fn fn)
{
	static const char service[] = "sluice_main_fetch()";
	if (!guard_main(inst, service) || !guard_given(r, service, "the request is NULL") ||
		!guard_callback(fn, service))
		return -1;
	const char *why = NULL;
	if (inst->policy->n_workers == 0)
		return -1;
	for (int i = 0; i < INSTANCE_FETCHES; i++) {
		struct instance_fetch *f = &inst->fetches[i];
		if (f->fetch)
			continue;
		f->inst = inst;
		f->fn = fn;
		f->user = r->size >= offsetof(sluice_fetch_request, user) + sizeof(r->user)
			? r->user
			: NULL;
		const struct fetching whose = { .worker = inst->policy->main,
			.inst = inst,
			.arena = &inst->scratch };
		f->fetch = fetching_start(&whose, r, host_on_fetch, f, &why);
		if (f->fetch)
			return 0;
		log_error("plugin", "%.*s: cannot fetch %.*s: %s", STR_ARG(inst->name),
			STR_ARG(r->url), why);
		return -1;
	}
	log_error("plugin", "%.*s: more than %d fetches at once", STR_ARG(inst->name),
		INSTANCE_FETCHES);
	return -1;
}

void host_publish(sluice_instance *inst, void *value, void (*free_value)(void *))
{
	if (guard_main(inst, "sluice_publish()"))
		instance_publish(inst, value, free_value);
	else if (free_value)
		free_value(value);
}

const sluice_script *host_script(sluice_instance *inst, const char *source)
{
	static const char service[] = "sluice_script_register()";
	if (!guard_main(inst, service) || !guard_given(source, service, "the script is NULL"))
		return NULL;
	const sluice_script *s = script_new(&inst->arena, str_of(source));
	check(s, "plugin %s registers a script that is empty or too long", inst->plugin->name);
	return s;
}

const sluice_expr *host_expr_compile(sluice_instance *inst, sluice_str text, const char **why)
{
	if (!guard_main(inst, "sluice_expr_compile()"))
		return NULL;
	struct expr_wrong wrong = { .why = NULL };
	const sluice_expr *e = expr_compile(&inst->arena, text, inst->policy->names, &wrong);
	if (e)
		instance_fact_add(inst, e, SLUICE_REQUEST);
	else if (why)
		*why = expr_wrong_text(&inst->arena, &wrong);
	return e;
}

/* Report a mistake at the option's place in the file. */
__attribute__((format(printf, 3, 4))) static void host_error(sluice_instance *inst,
	const char *option, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	host_conf_error(inst, option, fmt, ap);
	va_end(ap);
}

void host_conf_error_text(sluice_instance *inst, const char *option, sluice_str text)
{
	host_error(inst, option, "%.*s", STR_ARG(text));
}

void host_conf_hint_text(sluice_instance *inst, sluice_str text)
{
	if (guard_main(inst, "sluice_conf_hint()") && inst->bind)
		diag_hint(inst->bind->diag, "%.*s", STR_ARG(text));
}

const sluice_template *host_template_compile(sluice_instance *inst, const char *option, int side,
	sluice_str field, sluice_str text)
{
	if (!guard_main(inst, "sluice_template_compile()"))
		return NULL;
	struct expr_wrong wrong = { .why = NULL };
	const struct sluice_template *t = template_read(&inst->arena, template_kind_of_field(field),
		text, inst->policy->names, &wrong);
	if (!t)
		host_error(inst, option, "%s", wrong.why);
	if (!t && wrong.hint.len && inst->bind)
		diag_hint(inst->bind->diag, "did you mean {%.*s}?", STR_ARG(wrong.hint));
	for (size_t i = 0; t && i < t->n; i++) {
		if (t->v[i].expr)
			instance_fact_add(inst, t->v[i].expr, (sluice_side)side);
	}
	return t;
}

const sluice_store *host_store_table(sluice_instance *inst, const sluice_store *s, sluice_str name)
{
	static const char service[] = "sluice_store_table()";
	if (!guard_main(inst, service) || !guard_given(s, service, "the store is NULL"))
		return store_local();
	for (unsigned i = 0; i < inst->n_tables; i++) {
		if (inst->tables[i].of == s && str_eq(inst->tables[i].name, name))
			return inst->tables[i].table;
	}
	if (inst->n_tables == INSTANCE_TABLES) {
		host_error(inst, NULL, "an instance can use %d tables", INSTANCE_TABLES);
		return s;
	}
	struct instance_table *t = &inst->tables[inst->n_tables++];
	*t = (struct instance_table){ .of = s,
		.name = arena_str(&inst->arena, name),
		.table = store_table(s, name) };
	return t->table;
}
