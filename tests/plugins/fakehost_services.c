/* The fake host's table: what a plugin can call. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "fakehost_internal.h"

struct file {
	const char *path, *content;
	struct file *next;
};

static struct fake_pool pool; /* of everything below */
static struct file *files;
static uint64_t unix_offset_ms;
static char log_text[64 * 1024];
static size_t log_len;

void fake_services_reset(void)
{
	fake_pool_free(&pool);
	files = NULL;
	log_len = 0;
	log_text[0] = '\0';
}

void fake_scratch_done(sluice_instance *inst)
{
	fake_pool_free(&inst->scratch);
}

static const char *keep(const char *z)
{
	return fake_pool_dup(&pool, z, strlen(z));
}

void fake_main_thread_only(const char *service)
{
	if (fake_in_hook)
		fake_die("%s from a worker's hook", service);
}

/* ---- configuration time -------------------------------------------------------------------- */

static void host_conf_error(sluice_instance *inst, const char *option, const char *fmt, va_list ap)
{
	size_t n = strlen(inst->errors);
	n += (size_t)snprintf(inst->errors + n, sizeof inst->errors - n,
		"%s: ", option ? option : "-");
	n += (size_t)vsnprintf(inst->errors + n, sizeof inst->errors - n, fmt, ap);
	snprintf(inst->errors + n, sizeof inst->errors - n, "\n");
}

static void host_conf_hint(sluice_instance *inst, const char *fmt, va_list ap)
{
	(void)inst, (void)fmt, (void)ap; /* only mistakes are looked at */
}

static void *host_conf_alloc(sluice_instance *inst, size_t n)
{
	return fake_pool_alloc(&inst->pool, n);
}

static bool host_conf_given(sluice_instance *inst, const char *option)
{
	for (size_t i = 0; i < inst->n_given; i++) {
		if (strcmp(inst->given[i], option) == 0)
			return true;
	}
	return false;
}

void fake_file(const char *path, const char *content)
{
	struct file *f = fake_pool_alloc(&pool, sizeof *f);
	f->path = keep(path);
	f->content = content ? keep(content) : NULL;
	f->next = files; /* the newest is found first */
	files = f;
}

static int host_read_file(sluice_instance *inst, sluice_str path, size_t max, sluice_str *out)
{
	fake_main_thread_only("sluice_read_file()");
	struct file *f = files;
	while (f && (strlen(f->path) != path.len || memcmp(f->path, path.data, path.len) != 0))
		f = f->next;
	if (!f || !f->content)
		return -ENOENT;
	size_t n = strlen(f->content);
	if (n > max)
		return -EFBIG;
	out->data = fake_pool_dup(inst->started ? &inst->scratch : &inst->pool, f->content, n);
	out->len = n;
	return 0;
}

static sluice_str host_instance_name(sluice_instance *inst)
{
	(void)inst;
	return SLUICE_STR("instance");
}

static void host_log(sluice_instance *inst, sluice_exchange *x, int level, const char *fmt,
	va_list ap)
{
	(void)inst, (void)x;
	static const char *const names[] = { "error", "warn", "info", "debug" };
	if (log_len >= sizeof log_text - 1024)
		return;
	log_len += (size_t)snprintf(log_text + log_len, 64, "%s: ", names[level]);
	int n = vsnprintf(log_text + log_len, 900, fmt, ap);
	log_len += n > 899 ? 899u : (size_t)n;
	log_text[log_len++] = '\n';
	log_text[log_len] = '\0';
}

const char *fake_log(void)
{
	log_len = 0;
	return log_text;
}

/* ---- main thread --------------------------------------------------------------------------- */

static void run_timer(struct fake_event *e)
{
	e->fn.timer(e->inst, e->inst->conf);
	fake_scratch_done(e->inst);
}

static void host_timer(sluice_instance *inst, uint64_t ms, sluice_main_timer_fn fn)
{
	fake_main_thread_only("sluice_timer()");
	fake_event_drop(inst, NULL, run_timer);
	struct fake_event *e = fake_event_new(ms, run_timer);
	e->inst = inst;
	e->fn.timer = fn;
}

bool fake_timer(sluice_instance *inst, uint64_t *in_ms)
{
	struct fake_event *e = fake_event_first(run_timer, inst);
	if (e && in_ms)
		*in_ms = e->due_ms - fake_mono_ms;
	return e != NULL;
}

static void host_publish(sluice_instance *inst, void *value, void (*free_value)(void *))
{
	fake_main_thread_only("sluice_publish()");
	void *old = inst->value;
	void (*free_old)(void *) = inst->free_value;
	inst->value = value;
	inst->free_value = free_value;
	if (old && free_old)
		free_old(old);
	fake_event_forward(inst);
}

static const sluice_script *host_script(sluice_instance *inst, const char *source)
{
	sluice_script *s = fake_pool_alloc(&inst->pool, sizeof *s);
	s->source = source;
	return s;
}

static void run_refresh(struct fake_event *e)
{
	e->inst->refreshing = false;
	e->inst->plugin->on_refresh(e->inst, e->inst->conf);
	fake_scratch_done(e->inst);
}

static void host_refresh(sluice_exchange *x)
{
	if (!x->inst->plugin->on_refresh)
		fake_die("sluice_refresh() without on_refresh");
	if (x->inst->refreshing)
		return;
	x->inst->refreshing = true;
	fake_event_new(0, run_refresh)->inst = x->inst;
}

/* ---- an exchange --------------------------------------------------------------------------- */

static sluice_str host_get(sluice_exchange *x, int info)
{
	return (sluice_str){ x->info[info], strlen(x->info[info]) };
}

static bool name_is(const struct fake_field *f, sluice_str name)
{
	return strlen(f->name) == name.len && strncasecmp(f->name, name.data, name.len) == 0;
}

static sluice_str host_field(sluice_exchange *x, int side, sluice_str name)
{
	for (struct fake_field *f = x->fields[side]; f; f = f->next) {
		if (name_is(f, name))
			return (sluice_str){ f->value, strlen(f->value) };
	}
	return (sluice_str){ NULL, 0 };
}

static bool host_field_next(sluice_exchange *x, int side, size_t *iter, sluice_pair *out)
{
	struct fake_field *f = x->fields[side];
	for (size_t i = 0; f && i < *iter; i++)
		f = f->next;
	if (!f)
		return false;
	++*iter;
	out->name = (sluice_str){ f->name, strlen(f->name) };
	out->value = (sluice_str){ f->value, strlen(f->value) };
	return true;
}

static bool name_among(const char *const *names, sluice_str name)
{
	for (; *names; names++) {
		if (strlen(*names) == name.len && strncasecmp(*names, name.data, name.len) == 0)
			return true;
	}
	return false;
}

static const char *host_field_refused(int side, int op, sluice_str name, sluice_str value)
{
	static const char *const framing[] = { "content-length", "transfer-encoding", "connection",
		"keep-alive", "te", "trailer", "upgrade", NULL };
	static const char *const ours[] = { "via", "forwarded", "x-forwarded-for",
		"x-forwarded-proto", "x-forwarded-host", "x-request-id", "expect", NULL };
	static const char *const single[] = { "authorization", "content-type", "traceparent",
		NULL };
	static const char *const host[] = { "host", NULL };
	if (name.len == 0)
		return "is no name of a header field";
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] <= ' ' || name.data[i] >= 0x7f ||
			strchr("\"(),/:;<=>?@[\\]{}", name.data[i]))
			return "is no name of a header field";
	}
	bool te_trailers = side == SLUICE_REQUEST && op == SLUICE_FIELD_SET && name.len == 2 &&
		value.len == 8;
	if (name_among(framing, name) && !(te_trailers && memcmp(value.data, "trailers", 8) == 0))
		return "frames the message";
	if (name_among(host, name) && (op != SLUICE_FIELD_SET || side == SLUICE_RESPONSE))
		return "can be set in a request, and nothing else";
	if (side == SLUICE_REQUEST && name_among(ours, name))
		return "is written by the gateway itself";
	if (side == SLUICE_REQUEST && op == SLUICE_FIELD_ADD && name_among(single, name))
		return "stands in a request once at most";
	for (size_t i = 0; op != SLUICE_FIELD_REMOVE && i < value.len; i++) {
		if (((unsigned char)value.data[i] < ' ' && value.data[i] != '\t') ||
			value.data[i] == 0x7f)
			return "has a value with control bytes";
	}
	return NULL;
}

static char folded(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c == '_' ? '-' : c);
}

static bool host_names_alike(sluice_str a, sluice_str b)
{
	size_t i = 0;
	while (i < a.len && i < b.len && folded(a.data[i]) == folded(b.data[i]))
		i++;
	return a.len == b.len && i == a.len;
}

static void host_secret(sluice_instance *inst, int kind, sluice_str name)
{
	(void)inst, (void)kind;
	if (name.len == 0)
		fake_die("a secret without a name");
}

static void host_field_remove(sluice_exchange *x, int side, sluice_str name)
{
	for (struct fake_field **at = &x->fields[side]; *at;) {
		bool alike =
			host_names_alike((sluice_str){ (*at)->name, strlen((*at)->name) }, name);
		if (name_is(*at, name) || (side == SLUICE_REQUEST && alike))
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
}

static void field_append(sluice_exchange *x, int side, sluice_str name, sluice_str value)
{
	const char *n = fake_pool_dup(&x->host_pool, name.data, name.len);
	fake_add_header(x, (sluice_side)side, n,
		fake_pool_dup(&x->host_pool, value.data, value.len));
}

static void host_field_add(sluice_exchange *x, int side, sluice_str name, sluice_str value)
{
	if (host_field_refused(side, SLUICE_FIELD_ADD, name, value))
		return;
	field_append(x, side, name, value);
}

static void host_field_set(sluice_exchange *x, int side, sluice_str name, sluice_str value)
{
	if (host_field_refused(side, SLUICE_FIELD_REMOVE, name, value) &&
		host_field_refused(side, SLUICE_FIELD_SET, name, value))
		return;
	host_field_remove(x, side, name);
	if (!host_field_refused(side, SLUICE_FIELD_SET, name, value))
		field_append(x, side, name, value);
}

static int host_response_status(sluice_exchange *x)
{
	return x->status;
}

static void *host_alloc(sluice_exchange *x, size_t n)
{
	return x->pool.used + n > x->budget ? NULL : memset(fake_pool_alloc(&x->pool, n), 0xa5, n);
}

static void host_cleanup(sluice_exchange *x, void (*fn)(void *), void *arg)
{
	struct fake_cleanup *c = fake_pool_alloc(&x->host_pool, sizeof *c);
	*c = (struct fake_cleanup){ .fn = fn, .arg = arg, .next = x->cleanups };
	x->cleanups = c;
}

static void *host_worker_state(sluice_exchange *x)
{
	return x->inst->state;
}

static const void *host_published(sluice_exchange *x)
{
	return x->inst->value;
}

static void host_attr_set(sluice_exchange *x, sluice_str name, sluice_str value)
{
	struct fake_attr *a = fake_pool_alloc(&x->host_pool, sizeof *a);
	a->name = fake_pool_dup(&x->host_pool, name.data, name.len);
	a->value = fake_pool_dup(&x->host_pool, value.data, value.len);
	a->len = value.len;
	a->next = x->attrs;
	x->attrs = a;
}

static sluice_str host_attr(sluice_exchange *x, sluice_str name)
{
	for (struct fake_attr *a = x->attrs; a; a = a->next) {
		if (strlen(a->name) == name.len && memcmp(a->name, name.data, name.len) == 0)
			return (sluice_str){ a->value, a->len };
	}
	const char *colon = name.len ? memchr(name.data, ':', name.len) : NULL;
	for (struct fake_space *s = x->spaces; s && colon; s = s->next) {
		size_t n = (size_t)(colon - name.data);
		if (strlen(s->ns) == n && memcmp(s->ns, name.data, n) == 0)
			return s->fn(x, s->ctx, (sluice_str){ colon + 1, name.len - n - 1 });
	}
	return (sluice_str){ NULL, 0 };
}

static void host_attr_provide(sluice_exchange *x, const char *ns, sluice_attr_fn fn, void *ctx)
{
	struct fake_space *s = fake_pool_alloc(&x->host_pool, sizeof *s);
	*s = (struct fake_space){ .ns = ns, .fn = fn, .ctx = ctx, .next = x->spaces };
	x->spaces = s;
}

static sluice_str host_expr(sluice_exchange *x, const sluice_expr *e)
{
	static const struct {
		const char *text;
		sluice_info info;
	} facts[] = { { "ip", SLUICE_I_CLIENT_IP }, { "route", SLUICE_I_ROUTE },
		{ "host", SLUICE_I_HOST }, { "path", SLUICE_I_PATH }, { "method", SLUICE_I_METHOD },
		{ "scheme", SLUICE_I_SCHEME }, { "upstream", SLUICE_I_UPSTREAM },
		{ "request_id", SLUICE_I_REQUEST_ID } };
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		if (strcmp(e->text, facts[i].text) == 0)
			return host_get(x, (int)facts[i].info);
	}
	if (strncmp(e->text, "header:", 7) == 0)
		return host_field(x, SLUICE_REQUEST,
			(sluice_str){ e->text + 7, strlen(e->text + 7) });
	return host_attr(x, (sluice_str){ e->text, strlen(e->text) });
}

static const sluice_expr *host_expr_compile(sluice_instance *inst, sluice_str text,
	const char **why)
{
	fake_main_thread_only("sluice_expr_compile()");
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
			text.len = 0;
	}
	if (text.len)
		return fake_expr(inst, text);
	*why = "that is no expression";
	return NULL;
}

static void host_note(sluice_exchange *x, const char *code)
{
	if (x->n_notes < sizeof x->notes / sizeof *x->notes)
		x->notes[x->n_notes++] = code;
}

static sluice_verdict host_refuse(sluice_exchange *x, int status, const char *code,
	const char *detail)
{
	if (status < 400 || status > 599 || !code[0] ||
		code[strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		fake_die("sluice_refuse() with %d \"%s\"", status, code);
	x->replied = true;
	x->status = status;
	x->code = code;
	x->detail = detail ? fake_pool_dup(&x->host_pool, detail, strlen(detail)) : NULL;
	return SLUICE_REPLY;
}

static sluice_verdict host_reply(sluice_exchange *x, int status, sluice_str content_type,
	sluice_str body)
{
	host_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Content-Type"), content_type);
	x->replied = true;
	x->status = status;
	x->body = fake_pool_dup(&x->host_pool, body.data, body.len);
	return SLUICE_REPLY;
}

/* ---- waits --------------------------------------------------------------------------------- */

static void run_wait(struct fake_event *e)
{
	fake_in_hook = e->x;
	sluice_verdict v = e->fn.hook(e->x, e->inst->conf);
	fake_in_hook = NULL;
	fake_resume(e->x, v);
}

static sluice_verdict host_sleep(sluice_exchange *x, uint64_t ms, sluice_hook then)
{
	struct fake_event *e = fake_event_new(ms, run_wait);
	e->fn.hook = then;
	return fake_park(x, e);
}

static sluice_verdict host_await_publish(sluice_exchange *x, uint64_t timeout_ms, sluice_hook then)
{
	struct fake_event *e = fake_event_new(timeout_ms, run_wait);
	e->fn.hook = then;
	e->await = true;
	return fake_park(x, e);
}

/* ---- clocks -------------------------------------------------------------------------------- */

static uint64_t host_now_ns(void)
{
	return fake_mono_ms * 1000000;
}

static uint64_t host_unix_ms(void)
{
	return fake_mono_ms + unix_offset_ms;
}

void fake_set_unix_ms(uint64_t ms)
{
	unix_offset_ms = ms - fake_mono_ms;
}

static void *host_state(sluice_exchange *x, size_t n)
{
	if (fake_in_hook != x)
		fake_die("sluice_state() outside of a hook");
	if (!x->state && (x->state = host_alloc(x, n)))
		memset(x->state, 0, n);
	return x->state;
}

const sluice_host fake_host = {
	.abi = SLUICE_ABI,
	.size = sizeof(sluice_host),
	.version = "fake",
	.conf_error = host_conf_error,
	.conf_alloc = host_conf_alloc,
	.conf_given = host_conf_given,
	.read_file = host_read_file,
	.instance_name = host_instance_name,
	.log = host_log,
	.timer = host_timer,
	.main_fetch = fake_host_main_fetch,
	.publish = host_publish,
	.script = host_script,
	.store_kind = fake_host_store_kind,
	.get = host_get,
	.field = host_field,
	.field_next = host_field_next,
	.field_set = host_field_set,
	.field_add = host_field_add,
	.field_remove = host_field_remove,
	.response_status = host_response_status,
	.alloc = host_alloc,
	.cleanup = host_cleanup,
	.worker_state = host_worker_state,
	.published = host_published,
	.refresh = host_refresh,
	.expr = host_expr,
	.attr_set = host_attr_set,
	.attr = host_attr,
	.attr_provide = host_attr_provide,
	.note = host_note,
	.refuse = host_refuse,
	.reply = host_reply,
	.await_publish = host_await_publish,
	.sleep = host_sleep,
	.fetch = fake_host_fetch,
	.store_eval = fake_host_store_eval,
	.store_command = fake_host_store_command,
	.store_cell = fake_host_store_cell,
	.store_cell_swap = fake_host_store_cell_swap,
	.store_local = fake_host_store_local,
	.now_ns = host_now_ns,
	.unix_ms = host_unix_ms,
	.expr_compile = host_expr_compile,
	.field_refused = host_field_refused,
	.body_want = fake_host_body_want,
	.body_pass = fake_host_body_pass,
	.body_drop = fake_host_body_drop,
	.body_write = fake_host_body_write,
	.state = host_state,
	.expr_read = fake_host_expr_read,
	.expr_text = fake_host_expr_text,
	.template_compile = fake_host_template_compile,
	.template_fixed = fake_host_template_fixed,
	.template_write = fake_host_template_write,
	.store_table = fake_host_store_table,
	.ip_network = fake_host_ip_network,
	.secret = host_secret,
	.names_alike = host_names_alike,
	.conf_hint = host_conf_hint,
};
