/* Services about an exchange that need no wait, and the table of them all. Worker's thread. */
#include "policy/host.h"

#include "base/addr.h"
#include "net/worker.h"
#include "policy/answer.h"
#include "policy/any_of.h"
#include "policy/attr.h"
#include "policy/background.h"
#include "policy/blame.h"
#include "policy/dependency.h"
#include "policy/discovery.h"
#include "policy/edit.h"
#include "policy/expr.h"
#include "policy/following.h"
#include "policy/guard.h"
#include "policy/host_conf.h"
#include "policy/identity.h"
#include "policy/host_conn.h"
#include "policy/measure.h"
#include "policy/objects.h"
#include "policy/producer.h"
#include "policy/records.h"
#include "policy/reroute.h"
#include "policy/run.h"
#include "policy/stage.h"
#include "policy/template.h"
#include "policy/ticket.h"
#include "policy/wait.h"
#include "policy/when.h"
#include "store/store.h"

/* Memory of one plugin of the chain. */
struct run_state {
	struct run_state *next;
	uint32_t place; /* its place in the chain */
	void *data;
};

/* Attributes that plugins state, and captures of the route's path. */
static sluice_str host_attr(sluice_exchange *x, sluice_str name)
{
	if (!guard_hook(x, "sluice_attr()"))
		return STR_NONE;
	sluice_expr e = { .fact = FACT_ATTR, .text = name };
	sluice_str value, path = fact_table[FACT_CAPTURE].text;
	if (str_starts(name, path)) {
		e.fact = FACT_CAPTURE;
		e.name = str_n(name.data + path.len, name.len - path.len);
	}
	(void)expr_read(x, &e, &value);
	return value;
}

static sluice_str host_get(sluice_exchange *x, int info)
{
	if (!guard_hook(x, "sluice_get()"))
		return STR_NONE;
	enum fact f = fact_of_info(info);
	return f == FACT_COUNT ? STR_NONE : fact_value(x, f);
}

static int64_t host_number(sluice_exchange *x, int number)
{
	if (!guard_hook(x, "sluice_number()"))
		return SLUICE_UNKNOWN;
	const struct run_about *about = x->keeper->about;
	return about ? about->number(x, number) : SLUICE_UNKNOWN;
}

static struct fields *host_fields(sluice_exchange *x, int side)
{
	switch ((sluice_side)side) {
	case SLUICE_REQUEST:
		return &x->request->fields;
	case SLUICE_RESPONSE:
		return x->response ? &x->response->fields : NULL;
	default:
		return stage_trailers(x, (sluice_side)side);
	}
}

static sluice_str host_field(sluice_exchange *x, int side, sluice_str name)
{
	if (!guard_hook(x, "sluice_field()"))
		return STR_NONE;
	const struct fields *f = host_fields(x, side);
	const struct field *found = f ? fields_find_name(f, name) : NULL;
	return found ? field_value(found) : STR_NONE;
}

static bool host_field_next(sluice_exchange *x, int side, size_t *iter, sluice_pair *out)
{
	if (!guard_hook(x, "sluice_field_next()") ||
		!guard_given(iter, "sluice_field_next()", "the place is NULL") ||
		!guard_given(out, "sluice_field_next()", "the pair is NULL"))
		return false;
	const struct fields *f = host_fields(x, side);
	for (; f && *iter < f->n; ++*iter) {
		const struct field *at = &f->v[*iter];
		if (at->flags & FIELD_DROP)
			continue;
		*out = (sluice_pair){ field_name(at), field_value(at) };
		++*iter;
		return true;
	}
	return false;
}

static void host_field_set(sluice_exchange *x, int side, sluice_str name, sluice_str value)
{
	if (!guard_hook(x, "sluice_field_set()"))
		return;
	edit_field(x, (sluice_side)side, SLUICE_FIELD_SET, name, value);
}

static void host_field_add(sluice_exchange *x, int side, sluice_str name, sluice_str value)
{
	if (!guard_hook(x, "sluice_field_add()"))
		return;
	edit_field(x, (sluice_side)side, SLUICE_FIELD_ADD, name, value);
}

static void host_field_remove(sluice_exchange *x, int side, sluice_str name)
{
	if (!guard_hook(x, "sluice_field_remove()"))
		return;
	edit_field(x, (sluice_side)side, SLUICE_FIELD_REMOVE, name, STR(""));
}

static const char *host_field_refused(int side, int op, sluice_str name, sluice_str value)
{
	return edit_refused((sluice_side)side, (sluice_field_op)op, name, value);
}

static int host_response_status(sluice_exchange *x)
{
	if (!guard_hook(x, "sluice_response_status()"))
		return 0;
	return x->response ? x->response->status : 0;
}

static void *host_alloc(sluice_exchange *x, size_t n)
{
	if (!guard_hook(x, "sluice_alloc()"))
		return NULL;
	return arena_alloc(x->arena, n);
}

static void *host_state(sluice_exchange *x, size_t n)
{
	if (!guard_hook(x, "sluice_state()"))
		return NULL;
	uint32_t place = run_item(x)->place;
	for (const struct run_state *s = x->states; s; s = s->next) {
		if (s->place == place)
			return s->data;
	}
	struct run_state *s = arena_alloc(x->arena, sizeof(*s));
	void *data = s ? arena_zalloc(x->arena, n) : NULL;
	if (!data)
		return NULL;
	*s = (struct run_state){ .next = x->states, .place = place, .data = data };
	x->states = s;
	return data;
}

static void host_cleanup(sluice_exchange *x, void (*fn)(void *), void *arg)
{
	if (!guard_hook(x, "sluice_cleanup()") || !guard_callback(fn, "sluice_cleanup()"))
		return;
	if (!run_cleanup(x, fn, arg))
		fn(arg); /* nothing would call it later; the arena's failure ends the exchange */
}

static struct instance_worker *host_slot(sluice_exchange *x)
{
	return x->slots[run_item(x)->slot];
}

static void *host_worker_state(sluice_exchange *x)
{
	if (!guard_hook(x, "sluice_worker_state()"))
		return NULL;
	return host_slot(x)->state;
}

static const void *host_published(sluice_exchange *x)
{
	if (!guard_hook(x, "sluice_published()"))
		return NULL;
	const struct published *p = host_slot(x)->published;
	return p ? p->value : NULL;
}

static void host_refresh(sluice_exchange *x)
{
	if (!guard_hook(x, "sluice_refresh()"))
		return;
	instance_refresh(host_slot(x));
}

/* ---- services of other files, guarded ------------------------------------------------------ */

static sluice_reading host_expr_read(sluice_exchange *x, const sluice_expr *e, sluice_str *out)
{
	static const char service[] = "sluice_expr_read()";
	if (!guard_hook(x, service) || !guard_given(e, service, "the expression is NULL") ||
		!guard_given(out, service, "there is no place for the value"))
		return SLUICE_READ_FAIL;
	return expr_read(x, e, out);
}

static sluice_str host_expr(sluice_exchange *x, const sluice_expr *e)
{
	static const char service[] = "sluice_expr_value()";
	if (!guard_hook(x, service) || !guard_given(e, service, "the expression is NULL"))
		return STR_NONE;
	return expr_value(x, e);
}

static sluice_str host_expr_text(const sluice_expr *e)
{
	if (!guard_given(e, "sluice_expr_text()", "the expression is NULL"))
		return STR_NONE;
	return expr_text(e);
}

static bool host_template_fixed(const sluice_template *t, sluice_str *text)
{
	static const char service[] = "sluice_template_fixed()";
	return guard_given(t, service, "the template is NULL") &&
		guard_given(text, service, "there is no place for the text") &&
		template_is_fixed(t, text);
}

static sluice_template_result host_template_write(sluice_exchange *x, const sluice_template *t,
	sluice_str *out)
{
	static const char service[] = "sluice_template_write()";
	if (!guard_hook(x, service) || !guard_given(t, service, "the template is NULL") ||
		!guard_given(out, service, "there is no place for the text"))
		return SLUICE_TEMPLATE_FAIL;
	return template_write(x, t, out);
}

static void host_attr_set(sluice_exchange *x, sluice_str name, sluice_str value)
{
	if (guard_hook(x, "sluice_attr_set()"))
		attr_set(x, name, value);
}

static void host_attr_provide(sluice_exchange *x, const char *ns, sluice_attr_fn fn, void *ctx)
{
	static const char service[] = "sluice_attr_provide()";
	if (guard_hook(x, service) && guard_given(ns, service, "the namespace is NULL") &&
		guard_callback(fn, service))
		attr_provide(x, ns, fn, ctx);
}

static void host_note(sluice_exchange *x, const char *code)
{
	if (!guard_hook(x, "sluice_note()"))
		return;
	if (answer_is_code(code))
		frame_note(x, code);
	else
		blame_misuse("sluice_note()", "the code is not 1 to 64 of a-z, 0-9 and -");
}

static sluice_store_kind host_store_kind(const sluice_store *s)
{
	if (!guard_given(s, "sluice_store_kind_of()", "the store is NULL"))
		return SLUICE_STORE_MEMORY;
	return store_kind(s);
}

static const sluice_store *host_store_local(sluice_instance *inst)
{
	(void)inst;
	return store_local();
}

static bool host_store_cell(const sluice_store *s, sluice_str key, uint64_t now_ns,
	sluice_cell *out)
{
	static const char service[] = "sluice_store_cell()";
	return guard_in_force(service) && guard_given(s, service, "the store is NULL") &&
		guard_given(out, service, "the cell is NULL") && store_cell(s, key, now_ns, out);
}

static bool host_store_cell_swap(sluice_cell *c, uint64_t desired)
{
	static const char service[] = "sluice_store_cell_swap()";
	return guard_given(c, service, "the cell is NULL") &&
		guard_given(c->slot, service, "sluice_store_cell() gave no cell") &&
		store_cell_swap(c, desired);
}

static size_t host_ip_network(sluice_str ip, unsigned v4_prefix, unsigned v6_prefix, char *buf)
{
	_Static_assert((int)SLUICE_IP_NETWORK >= (int)ADDR_NETWORK_TEXT,
		"room for the text of a network");
	if (!guard_given(buf, "sluice_ip_network()", "there is no place for the text"))
		return 0;
	return addr_network_text(ip, v4_prefix, v6_prefix, buf);
}

static uint64_t host_unix_ms(void)
{
	return clock_unix_ms();
}

static uint64_t host_now_ns(void)
{
	return clock_ns();
}

const sluice_host host_table = {
	.abi = SLUICE_ABI,
	.size = sizeof(sluice_host),
	.version = SLUICE_VERSION,
	.conf_error = host_conf_error,
	.conf_alloc = host_conf_alloc,
	.conf_given = host_conf_given,
	.read_file = host_read_file,
	.instance_name = host_instance_name,
	.log = host_log,
	.timer = host_timer,
	.main_fetch = host_main_fetch,
	.publish = host_publish,
	.script = host_script,
	.store_kind = host_store_kind,
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
	.refuse = answer_refuse,
	.reply = answer_reply,
	.await_publish = host_await_publish,
	.sleep = host_sleep,
	.fetch = host_fetch,
	.store_eval = host_store_eval,
	.store_command = host_store_command,
	.store_cell = host_store_cell,
	.store_cell_swap = host_store_cell_swap,
	.store_local = host_store_local,
	.now_ns = host_now_ns,
	.unix_ms = host_unix_ms,
	.expr_compile = host_expr_compile,
	.field_refused = host_field_refused,
	.body_want = stage_want,
	.body_pass = stage_pass,
	.body_drop = stage_drop,
	.body_write = stage_write,
	.state = host_state,
	.expr_read = host_expr_read,
	.expr_text = host_expr_text,
	.template_compile = host_template_compile,
	.template_fixed = host_template_fixed,
	.template_write = host_template_write,
	.store_table = host_store_table,
	.ip_network = host_ip_network,
	.secret = host_secret,
	.names_alike = field_names_alike,
	.conf_hint = host_conf_hint,
	.target_set = reroute_target,
	.query_set = reroute_query_set,
	.query_remove = reroute_query_remove,
	.host_set = reroute_host,
	.upstream_set = reroute_upstream,
	.holds = when_holds,
	.park = host_park,
	.resume = ticket_resume,
	.background = host_background,
	.work_fetch = host_work_fetch,
	.work_instance = host_work_instance,
	.work_state = host_work_state,
	.work_published = host_work_published,
	.number = host_number,
	.conf_error_text = host_conf_error_text,
	.conf_hint_text = host_conf_hint_text,
	.log_text = host_log_text,
	.metric_declare = host_metric_declare,
	.metric_add = host_metric_add,
	.metric_set = host_metric_set,
	.metric_observe = host_metric_observe,
	.log_for = host_log_for,
	.answer_with = answer_with,
	.body_wait = host_body_wait,
	.cache_open = host_cache_open,
	.object_put = host_object_put,
	.object_get = host_object_get,
	.object_release = host_object_release,
	.object_data = host_object_data,
	.object_meta = host_object_meta,
	.object_age = host_object_age,
	.object_fresh_for = host_object_fresh_for,
	.object_remove = host_object_remove,
	.object_remove_tag = host_object_remove_tag,
	.object_begin = host_object_begin,
	.object_append = host_object_append,
	.object_commit = host_object_commit,
	.object_abort = host_object_abort,
	.conn_get = host_conn_get,
	.conn_number = host_conn_number,
	.conn_refuse = host_conn_refuse,
	.conn_state = host_conn_state,
	.conn_cleanup = host_conn_cleanup,
	.conn_worker_state = host_conn_worker_state,
	.conn_published = host_conn_published,
	.conn_of = host_conn_of,
	.conn_log = host_conn_log,
	.conn_log_text = host_conn_log_text,
	.log_next = host_log_next,
	.log_line = host_log_line,
	.log_dropped = host_log_dropped,
	.log_published = host_log_published,
	.servers_set = host_servers_set,
	.answer_begin = answer_stream,
	.answer_write = producer_write,
	.answer_end = producer_end,
	.identify = identity_set,
	.credentials_absent = identity_absent,
	.own = host_own,
	.dependency_set = host_dependency_set,
	.serve = host_serve,
	.work_command = host_work_command,
	.credentials_used = any_of_credentials_used,
	.store_follow = host_store_follow,
	.main_command = host_main_command,
};
