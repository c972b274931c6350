/* The fake host's life: memory, time, instances, exchanges, and what a test asks about them. */
#include "fakehost.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "fakehost_internal.h"

uint64_t fake_mono_ms;
const sluice_exchange *fake_in_hook;

static struct fake_event *events; /* in the order in which they fall due */
static uint64_t event_seq;
static sluice_instance *instances;

_Noreturn void fake_die_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "%s:%d: fake host: ", file, line);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

/* ---- memory -------------------------------------------------------------------------------- */

struct fake_block {
	struct fake_block *next;
	max_align_t data[];
};

void *fake_pool_alloc(struct fake_pool *p, size_t n)
{
	struct fake_block *b = calloc(1, sizeof *b + n + (n == 0));
	if (!b)
		fake_die("out of memory");
	b->next = p->blocks;
	p->blocks = b;
	p->used += n;
	return b->data;
}

char *fake_pool_dup(struct fake_pool *p, const char *data, size_t n)
{
	char *copy = fake_pool_alloc(p, n + 1);
	if (n)
		memcpy(copy, data, n);
	return copy;
}

void fake_pool_free(struct fake_pool *p)
{
	while (p->blocks) {
		struct fake_block *b = p->blocks;
		p->blocks = b->next;
		free(b);
	}
	p->used = 0;
}

/* ---- time ---------------------------------------------------------------------------------- */

struct fake_event *fake_event_new(uint64_t in_ms, void (*run)(struct fake_event *))
{
	struct fake_event *e = calloc(1, sizeof *e), **at = &events;
	if (!e)
		fake_die("out of memory");
	e->due_ms = fake_mono_ms + in_ms;
	e->seq = event_seq++;
	e->run = run;
	while (*at && (*at)->due_ms <= e->due_ms)
		at = &(*at)->next;
	e->next = *at;
	*at = e;
	return e;
}

static void event_free(struct fake_event *e)
{
	free(e->url);
	free(e);
}

void fake_event_drop(const sluice_instance *inst, const sluice_exchange *x,
	void (*run)(struct fake_event *))
{
	for (struct fake_event **at = &events; *at;) {
		struct fake_event *e = *at;
		bool ours = x ? e->x == x : e->inst == inst;
		if (!ours || (run && e->run != run)) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		event_free(e);
	}
}

struct fake_event *fake_event_peek(void)
{
	return events;
}

struct fake_event *fake_event_first(void (*run)(struct fake_event *), const sluice_instance *inst)
{
	struct fake_event *e = events;
	while (e && (e->run != run || e->inst != inst))
		e = e->next;
	return e;
}

/* A publish: those who wait for it are due now, in the order in which they came. */
void fake_event_forward(const sluice_instance *inst)
{
	struct fake_event *woken = NULL, **tail = &woken;
	for (struct fake_event **at = &events; *at;) {
		struct fake_event *e = *at;
		if (!e->await || e->inst != inst) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		e->next = NULL;
		e->due_ms = fake_mono_ms;
		*tail = e;
		tail = &e->next;
	}
	struct fake_event **at = &events;
	while (*at && (*at)->due_ms <= fake_mono_ms)
		at = &(*at)->next;
	*tail = *at;
	*at = woken ? woken : *at;
}

void fake_advance(uint64_t ms)
{
	uint64_t until = fake_mono_ms + ms;
	while (events && events->due_ms <= until) {
		struct fake_event *e = events;
		events = e->next;
		if (e->due_ms > fake_mono_ms)
			fake_mono_ms = e->due_ms;
		e->run(e);
		event_free(e);
	}
	fake_mono_ms = until;
}

void fake_reset(void)
{
	if (instances)
		fake_die("an instance of %s was not stopped", instances->plugin->name);
	if (events)
		fake_die("events are left");
	fake_services_reset();
	fake_remote_reset();
	fake_mono_ms = 1000;
	fake_set_unix_ms(FAKE_EPOCH_MS);
	sluice_host_table = &fake_host;
}

/* ---- instances ----------------------------------------------------------------------------- */

sluice_instance *fake_instance(const sluice_plugin *plugin, ...)
{
	sluice_instance *inst = calloc(1, sizeof *inst);
	if (!inst)
		fake_die("out of memory");
	if (plugin->abi != SLUICE_ABI || plugin->size != sizeof(sluice_plugin))
		fake_die("the record says ABI %u, size %u", plugin->abi, plugin->size);
	inst->plugin = plugin;
	inst->conf = fake_pool_alloc(&inst->pool, plugin->conf_size);
	inst->state = fake_pool_alloc(&inst->pool, plugin->worker_size);
	inst->next = instances;
	instances = inst;
	fake_bind_defaults(inst, plugin->options, inst->conf);
	va_list ap;
	va_start(ap, plugin);
	for (const char *name; (name = va_arg(ap, const char *));) {
		const char *value = va_arg(ap, const char *);
		if (inst->n_given == sizeof inst->given / sizeof *inst->given)
			fake_die("too many options");
		inst->given[inst->n_given++] = name;
		fake_bind(inst, name, value);
	}
	va_end(ap);
	return inst;
}

int fake_check(sluice_instance *inst)
{
	inst->checked = true;
	int rc = inst->plugin->check ? inst->plugin->check(inst, inst->conf) : 0;
	inst->check_failed = rc != 0;
	if (rc == 0 && inst->errors[0])
		fake_die("check() complained but returned 0: %s", inst->errors);
	if (rc != 0 && !inst->errors[0])
		fake_die("check() failed without saying why");
	return rc;
}

const char *fake_errors(sluice_instance *inst)
{
	return inst->errors;
}

void fake_start(sluice_instance *inst)
{
	if (!inst->checked && fake_check(inst) != 0)
		fake_die("check: %s", inst->errors);
	if (inst->plugin->start && inst->plugin->start(inst, inst->conf) != 0)
		fake_die("start() failed");
	inst->started = true;
	if (inst->plugin->worker_start &&
		inst->plugin->worker_start(inst, inst->conf, inst->state) != 0)
		fake_die("worker_start() failed");
}

void fake_stop(sluice_instance *inst)
{
	sluice_instance **at = &instances;
	while (*at != inst)
		at = &(*at)->next;
	if (inst->exchanges)
		fake_die("%u exchanges of the instance are still there", inst->exchanges);
	*at = inst->next;
	if (inst->started && inst->plugin->worker_stop)
		inst->plugin->worker_stop(inst, inst->conf, inst->state);
	fake_event_drop(inst, NULL, NULL);
	if (inst->checked && inst->plugin->stop)
		inst->plugin->stop(inst, inst->conf);
	if (inst->value && inst->free_value)
		inst->free_value(inst->value);
	fake_pool_free(&inst->scratch);
	fake_pool_free(&inst->pool);
	free(inst);
}

void *fake_conf(sluice_instance *inst)
{
	return inst->conf;
}

void *fake_state(sluice_instance *inst)
{
	return inst->state;
}

const void *fake_published(sluice_instance *inst)
{
	return inst->value;
}

/* ---- exchanges ----------------------------------------------------------------------------- */

sluice_exchange *fake_exchange(sluice_instance *inst, const char *method, const char *target)
{
	if (!inst->started)
		fake_die("a request before fake_start()");
	sluice_exchange *x = calloc(1, sizeof *x);
	if (!x)
		fake_die("out of memory");
	x->inst = inst;
	x->budget = 64 * 1024;
	inst->exchanges++;
	const char *query = strchr(target, '?');
	size_t path_len = query ? (size_t)(query - target) : strlen(target);
	fake_set_info(x, SLUICE_I_METHOD, method);
	fake_set_info(x, SLUICE_I_SCHEME, "https");
	fake_set_info(x, SLUICE_I_HOST, "api.example.com");
	fake_set_info(x, SLUICE_I_TARGET, target);
	x->info[SLUICE_I_PATH] = fake_pool_dup(&x->host_pool, target, path_len);
	fake_set_info(x, SLUICE_I_QUERY, query ? query + 1 : "");
	fake_set_info(x, SLUICE_I_CLIENT_IP, "203.0.113.7");
	fake_set_info(x, SLUICE_I_ROUTE, "route");
	fake_set_info(x, SLUICE_I_UPSTREAM, "upstream");
	fake_set_info(x, SLUICE_I_REQUEST_ID, "request-id");
	return x;
}

void fake_set_info(sluice_exchange *x, sluice_info what, const char *value)
{
	x->info[what] = fake_pool_dup(&x->host_pool, value, strlen(value));
}

void fake_set_budget(sluice_exchange *x, size_t bytes)
{
	x->budget = bytes;
}

void fake_add_header(sluice_exchange *x, sluice_side side, const char *name, const char *value)
{
	struct fake_field *f = fake_pool_alloc(&x->host_pool, sizeof *f), **at = &x->fields[side];
	f->name = fake_pool_dup(&x->host_pool, name, strlen(name));
	f->value = fake_pool_dup(&x->host_pool, value, strlen(value));
	while (*at)
		at = &(*at)->next;
	*at = f;
}

sluice_verdict fake_settle(sluice_exchange *x, sluice_verdict v)
{
	bool parked = false;
	for (struct fake_event *e = fake_event_peek(); e; e = e->next)
		parked |= e->x == x;
	if (parked != (v == SLUICE_WAIT))
		fake_die("the hook returned %d, but the exchange is %s", (int)v,
			parked ? "parked" : "not parked");
	if ((v == SLUICE_REPLY) != x->replied && !(x->responding && v == SLUICE_NEXT))
		fake_die("the hook returned %d, but %s answer was set", (int)v,
			x->replied ? "an" : "no");
	if (v == SLUICE_FAIL)
		x->status = 500;
	return x->verdict = v;
}

static sluice_verdict run_hook(sluice_exchange *x, sluice_hook hook)
{
	const sluice_exchange *outer = fake_in_hook;
	fake_in_hook = x;
	sluice_verdict v = hook(x, x->inst->conf);
	fake_in_hook = outer;
	return v;
}

sluice_verdict fake_run(sluice_exchange *x)
{
	x->ran = true;
	return fake_settle(x,
		x->inst->plugin->on_request ? run_hook(x, x->inst->plugin->on_request)
					    : SLUICE_NEXT);
}

sluice_exchange *fake_request(sluice_instance *inst, const char *method, const char *target, ...)
{
	sluice_exchange *x = fake_exchange(inst, method, target);
	va_list ap;
	va_start(ap, target);
	for (const char *name; (name = va_arg(ap, const char *));)
		fake_add_header(x, SLUICE_REQUEST, name, va_arg(ap, const char *));
	va_end(ap);
	fake_run(x);
	return x;
}

sluice_verdict fake_response(sluice_exchange *x, int status)
{
	if (x->verdict == SLUICE_WAIT)
		fake_die("a response while the exchange is parked");
	x->status = status;
	x->responding = true;
	x->replied = false;
	return fake_settle(x,
		x->inst->plugin->on_response ? run_hook(x, x->inst->plugin->on_response)
					     : SLUICE_NEXT);
}

void fake_resume(sluice_exchange *x, sluice_verdict v)
{
	fake_settle(x, v);
}

sluice_verdict fake_park(sluice_exchange *x, struct fake_event *e)
{
	if (fake_in_hook != x)
		fake_die("a wait outside a hook of its exchange");
	for (struct fake_event *other = fake_event_peek(); other; other = other->next) {
		if (other != e && other->x == x)
			fake_die("a second wait while the exchange is parked");
	}
	e->x = x;
	e->inst = x->inst;
	return SLUICE_WAIT;
}

void fake_end(sluice_exchange *x)
{
	fake_bodies_end(x);
	fake_event_drop(NULL, x, NULL);
	if (x->ran && x->inst->plugin->on_complete)
		run_hook(x, x->inst->plugin->on_complete);
	while (x->cleanups) {
		struct fake_cleanup *c = x->cleanups;
		x->cleanups = c->next;
		c->fn(c->arg);
	}
	x->inst->exchanges--;
	fake_pool_free(&x->pool);
	fake_pool_free(&x->host_pool);
	free(x);
}

/* ---- questions ----------------------------------------------------------------------------- */

sluice_verdict fake_verdict(sluice_exchange *x)
{
	return x->verdict;
}

int fake_status(sluice_exchange *x)
{
	return x->status;
}

const char *fake_code(sluice_exchange *x)
{
	return x->code;
}

const char *fake_detail(sluice_exchange *x)
{
	return x->detail;
}

const char *fake_body(sluice_exchange *x)
{
	return x->body;
}

const char *fake_header(sluice_exchange *x, sluice_side side, const char *name)
{
	for (struct fake_field *f = x->fields[side]; f; f = f->next) {
		if (strcasecmp(f->name, name) == 0)
			return f->value;
	}
	return NULL;
}

size_t fake_header_count(sluice_exchange *x, sluice_side side, const char *name)
{
	size_t n = 0;
	for (struct fake_field *f = x->fields[side]; f; f = f->next)
		n += strcasecmp(f->name, name) == 0;
	return n;
}

const char *fake_attr(sluice_exchange *x, const char *name)
{
	sluice_str v = fake_host.attr(x, (sluice_str){ name, strlen(name) });
	return v.data ? fake_pool_dup(&x->host_pool, v.data, v.len) : NULL;
}

bool fake_noted(sluice_exchange *x, const char *code)
{
	for (size_t i = 0; i < x->n_notes; i++) {
		if (strcmp(x->notes[i], code) == 0)
			return true;
	}
	return false;
}
