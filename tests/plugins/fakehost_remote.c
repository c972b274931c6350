/* The fake host's outside world: HTTP fetches with scripted answers, Redis stores with a scripted
 * server, memory stores. */
#include <stdio.h>
#include <stdlib.h>

#include "fakehost_internal.h"

struct answer {
	const char *url, *body; /* body NULL: the fetch ends with status */
	int code;
	sluice_status status;
	struct answer *next;
};

/* fetches begun, by URL */
struct tally {
	const char *url;
	unsigned n;
	struct tally *next;
};

static struct fake_pool pool; /* of everything below */
static struct answer *answers;
static struct tally *tallies;
static sluice_store *stores, *local;
static uint64_t fetch_delay_ms;

void fake_remote_reset(void)
{
	for (sluice_store *s = stores; s; s = s->next)
		fake_pool_free(&s->pool);
	fake_pool_free(&pool);
	answers = NULL;
	tallies = NULL;
	stores = local = NULL;
	fetch_delay_ms = 5;
}

static const char *keep(const char *z)
{
	return fake_pool_dup(&pool, z, strlen(z));
}

/* ---- fetches ------------------------------------------------------------------------------- */

void fake_fetch_answer(const char *url, int code, const char *body)
{
	struct answer *a = fake_pool_alloc(&pool, sizeof *a);
	*a = (struct answer){ .url = keep(url), .code = code, .body = keep(body), .next = answers };
	answers = a;
}

void fake_fetch_fail(const char *url, sluice_status status)
{
	struct answer *a = fake_pool_alloc(&pool, sizeof *a);
	*a = (struct answer){ .url = keep(url), .status = status, .next = answers };
	answers = a;
}

void fake_fetch_delay(uint64_t ms)
{
	fetch_delay_ms = ms;
}

unsigned fake_fetches(const char *url)
{
	unsigned n = 0;
	for (struct tally *t = tallies; t; t = t->next)
		n += !url || strcmp(t->url, url) == 0 ? t->n : 0;
	return n;
}

static struct fake_event *fetch_begin(const sluice_fetch_request *r,
	void (*run)(struct fake_event *))
{
	if (r->size != sizeof *r)
		fake_die("sluice_fetch_request.size is %zu", r->size);
	if (r->url.len < 9 ||
		(strncmp(r->url.data, "http://", 7) != 0 &&
			strncmp(r->url.data, "https://", 8) != 0))
		return NULL;
	uint64_t timeout = r->timeout_ms ? r->timeout_ms : 5000;
	struct fake_event *e =
		fake_event_new(fetch_delay_ms < timeout ? fetch_delay_ms : timeout, run);
	e->url = strndup(r->url.data, r->url.len);
	e->timeout_ms = timeout;
	e->max_body = r->max_body ? r->max_body : 1 << 20;
	struct tally *t = fake_pool_alloc(&pool, sizeof *t);
	*t = (struct tally){ .url = keep(e->url), .n = 1, .next = tallies };
	tallies = t;
	return e;
}

static sluice_fetch_response fetch_end(const struct fake_event *e)
{
	sluice_fetch_response r = { .size = sizeof r };
	const struct answer *a = answers;
	while (a && strcmp(a->url, e->url) != 0)
		a = a->next;
	if (fetch_delay_ms >= e->timeout_ms)
		r.status = SLUICE_TIMEOUT;
	else if (!a)
		r.status = SLUICE_UNREACHABLE;
	else if (!a->body)
		r.status = a->status;
	else if (strlen(a->body) > e->max_body)
		r.status = SLUICE_ERROR;
	else
		r.code = a->code, r.body = (sluice_str){ a->body, strlen(a->body) };
	if (r.status != SLUICE_OK)
		r.error = "the scripted fetch failed";
	return r;
}

static void run_main_fetch(struct fake_event *e)
{
	sluice_fetch_response r = fetch_end(e);
	r.user = e->user;
	e->fn.main_fetch(e->inst, e->inst->conf, &r);
	fake_scratch_done(e->inst);
}

int fake_host_main_fetch(sluice_instance *inst, const sluice_fetch_request *r,
	sluice_main_fetch_fn fn)
{
	fake_main_thread_only("sluice_main_fetch()");
	if (!inst->started && !inst->checked)
		fake_die("a fetch before check() returned");
	struct fake_event *e = fetch_begin(r, run_main_fetch);
	if (!e)
		return -1;
	e->inst = inst;
	e->user = r->user;
	e->fn.main_fetch = fn;
	return 0;
}

static void run_fetch(struct fake_event *e)
{
	sluice_fetch_response r = fetch_end(e);
	fake_in_hook = e->x;
	sluice_verdict v = e->fn.fetch(e->x, e->inst->conf, &r);
	fake_in_hook = NULL;
	fake_resume(e->x, v);
}

sluice_verdict fake_host_fetch(sluice_exchange *x, const sluice_fetch_request *r,
	sluice_fetch_fn then)
{
	struct fake_event *e = fetch_begin(r, run_fetch);
	if (!e) {
		sluice_fetch_response bad = { .size = sizeof bad,
			.status = SLUICE_ERROR,
			.error = "malformed request" };
		return then(x, x->inst->conf, &bad);
	}
	e->fn.fetch = then;
	return fake_park(x, e);
}

/* ---- stores -------------------------------------------------------------------------------- */

sluice_store *fake_store(const char *name, sluice_store_kind kind)
{
	sluice_store *s = fake_pool_alloc(&pool, sizeof *s);
	*s = (sluice_store){
		.name = keep(name),
		.kind = kind,
		.max_cells = 1024,
		.delay_ms = 1,
		.next = stores,
	};
	stores = s;
	return s;
}

sluice_store *fake_store_find(const char *name, size_t len)
{
	sluice_store *s = stores;
	while (s && (strlen(s->name) != len || memcmp(s->name, name, len) != 0))
		s = s->next;
	return s;
}

void fake_store_cells(sluice_store *s, size_t n)
{
	s->max_cells = n;
}

void fake_store_handle(sluice_store *s, fake_store_handler fn, void *ctx)
{
	s->handler = fn;
	s->ctx = ctx;
}

void fake_store_delay(sluice_store *s, uint64_t ms)
{
	s->delay_ms = ms;
}

void fake_store_contend(sluice_store *s, unsigned n, uint64_t other)
{
	s->contend = n;
	s->contend_value = other;
}

void fake_store_lose(sluice_store *s, unsigned n)
{
	s->lose = n;
}

unsigned fake_store_calls(sluice_store *s)
{
	return s->calls;
}

static sluice_verdict store_answer(sluice_exchange *x, sluice_store *s, const fake_call *call,
	sluice_store_fn then)
{
	sluice_value v = { .type = SLUICE_V_NIL };
	sluice_status st = s->handler ? s->handler(s->ctx, call, &v) : SLUICE_UNREACHABLE;
	return then(x, x->inst->conf, st, st == SLUICE_OK || st == SLUICE_ERROR ? &v : NULL);
}

static void run_store(struct fake_event *e)
{
	fake_in_hook = e->x;
	sluice_verdict v;
	if (e->st->delay_ms >= e->call.timeout_ms)
		v = e->fn.store(e->x, e->inst->conf, SLUICE_TIMEOUT, NULL);
	else
		v = store_answer(e->x, e->st, &e->call, e->fn.store);
	fake_in_hook = NULL;
	fake_resume(e->x, v);
}

static sluice_verdict store_call(sluice_exchange *x, const sluice_store *cs, const fake_call *call,
	sluice_store_fn then)
{
	sluice_store *s = (sluice_store *)(uintptr_t)cs;
	if (s->kind != SLUICE_STORE_REDIS)
		fake_die("a Redis service on a memory store");
	if (call->timeout_ms == 0)
		fake_die("a store call without a deadline");
	s->calls++;
	if (s->delay_ms == 0)
		return store_answer(x, s, call, then);
	struct fake_event *e =
		fake_event_new(s->delay_ms < call->timeout_ms ? s->delay_ms : call->timeout_ms,
			run_store);
	sluice_str *args = fake_pool_alloc(&x->host_pool, call->nargs * sizeof *args);
	for (size_t i = 0; i < call->nargs; i++) {
		args[i].data = fake_pool_dup(&x->host_pool, call->args[i].data, call->args[i].len);
		args[i].len = call->args[i].len;
	}
	e->call = *call;
	e->call.args = args;
	e->call.key.data = fake_pool_dup(&x->host_pool, call->key.data, call->key.len);
	e->st = s;
	e->fn.store = then;
	return fake_park(x, e);
}

sluice_verdict fake_host_store_eval(sluice_exchange *x, const sluice_store *s,
	const sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms, sluice_store_fn then)
{
	return store_call(x, s, &(fake_call){ script->source, key, args, nargs, timeout_ms }, then);
}

sluice_verdict fake_host_store_command(sluice_exchange *x, const sluice_store *s,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms, sluice_store_fn then)
{
	return store_call(x, s, &(fake_call){ NULL, { NULL, 0 }, argv, argc, timeout_ms }, then);
}

sluice_store_kind fake_host_store_kind(const sluice_store *s)
{
	return s->kind;
}

const sluice_store *fake_host_store_local(sluice_instance *inst)
{
	(void)inst;
	return local ? local : (local = fake_store("(local)", SLUICE_STORE_MEMORY));
}

bool fake_host_store_cell(const sluice_store *cs, sluice_str key, uint64_t now_ns, sluice_cell *out)
{
	sluice_store *s = (sluice_store *)(uintptr_t)cs;
	struct fake_cell *spare = NULL;
	if (s->kind != SLUICE_STORE_MEMORY)
		fake_die("a cell of a Redis store");
	if (!s->cells)
		s->cells = fake_pool_alloc(&s->pool, s->max_cells * sizeof *s->cells);
	for (size_t i = 0; i < s->n_cells; i++) {
		struct fake_cell *c = &s->cells[i];
		if (c->key_len == key.len && memcmp(c->key, key.data, key.len) == 0) {
			*out = (sluice_cell){ .slot = c,
				.value = c->value > now_ns ? c->value : 0 };
			if (c->value <= now_ns)
				c->value = 0;
			return true;
		}
		if (c->value <= now_ns)
			spare = c;
	}
	if (s->n_cells < s->max_cells)
		spare = &s->cells[s->n_cells++];
	if (!spare)
		return false;
	*spare = (struct fake_cell){ .key = fake_pool_dup(&s->pool, key.data, key.len),
		.key_len = key.len };
	*out = (sluice_cell){ .slot = spare };
	return true;
}

static sluice_store *store_of(const struct fake_cell *c)
{
	for (sluice_store *s = stores; s; s = s->next) {
		if (s->cells && c >= s->cells && c < s->cells + s->n_cells)
			return s;
	}
	fake_die("a cell of no store");
}

bool fake_host_store_cell_swap(sluice_cell *cell, uint64_t desired)
{
	struct fake_cell *c = cell->slot;
	sluice_store *s = store_of(c);
	if (s->lose) {
		s->lose--;
		*cell = (sluice_cell){ .slot = NULL };
		return false;
	}
	if (s->contend) {
		s->contend--;
		c->value = s->contend_value;
	}
	if (c->value != cell->value) {
		cell->value = c->value;
		return false;
	}
	c->value = cell->value = desired;
	return true;
}
