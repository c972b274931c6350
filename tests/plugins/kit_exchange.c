/* Exchanges of the kit: a request that no client sent, the response of an upstream that is not
 * there, and bodies, put through the real hooks. */
#include <stdlib.h>

#include "base/mem.h"
#include "kit_internal.h"
#include "kit_tool.h"
#include "kit_use.h"
#include "policy/answer.h"
#include "policy/attr.h"
#include "policy/edit.h"
#include "policy/fact.h"
#include "policy/producer.h"
#include "policy/stage.h"
#include "policy/wait.h"

enum { BUDGET = 4 << 20, KIT_NUMBERS = 32 };

struct kit_exchange {
	sluice_exchange x;
	struct kit_use *use;
	struct client client;
	struct conn_info conn;
	struct request_head request;
	struct response_head response;
	struct fields trailers[2];    /* by side */
	sluice_str facts[FACT_COUNT]; /* that kit_set_info() set, and the gateway would know */
	int64_t numbers[KIT_NUMBERS];
	struct arena own;              /* what is ours, and answers to the test's questions */
	struct buf out[2];             /* what left the bodies */
	size_t room;                   /* of the client, for a streamed answer */
	const struct producer *writer; /* borrowed: of the streamed answer that was begun last */
	bool is_written;               /* it has not ended yet */
	bool writer_fails;             /* the plugin that wrote it has failed */
	sluice_verdict verdict;
	int status;
};

static bool is_slow;

static struct kit_exchange *of(sluice_exchange *x)
{
	return container_of(x, struct kit_exchange, x);
}

static sluice_str keep(struct kit_exchange *k, const char *text)
{
	return arena_str(&k->own, str_of(text));
}

static enum sluice_reading about_read(sluice_exchange *x, unsigned fact, sluice_str *out)
{
	*out = of(x)->facts[fact];
	return out->data ? SLUICE_READ_ONE : SLUICE_READ_NONE;
}

static int64_t about_number(sluice_exchange *x, int number)
{
	return number >= 0 && number < KIT_NUMBERS ? of(x)->numbers[number] : SLUICE_UNKNOWN;
}

static const struct run_about about = { .read = about_read,
	.number = about_number,
	.conn = kit_conn_read };
const struct run_about *const kit_about = &about;

/* ---- how it goes on ------------------------------------------------------------------------ */

static sluice_verdict take(struct kit_exchange *k, enum run_result r)
{
	switch (r) {
	case RUN_NEXT:
		if (k->x.arena->failed)
			break; /* the gateway answers in the place of what was asked for in vain */
		return k->verdict = SLUICE_NEXT;
	case RUN_WAIT:
		return k->verdict = SLUICE_WAIT;
	case RUN_REPLY:
		k->status = k->x.answer.status;
		return k->verdict = SLUICE_REPLY;
	case RUN_OVER:
		k->status = 413;
		return k->verdict = SLUICE_REPLY;
	case RUN_FAIL:
		edit_forget(&k->x, k->x.decided_by);
		break;
	}
	k->status = 500;
	return k->verdict = SLUICE_FAIL;
}

/* The body that on_request waits for is here. */
static void go_on(struct kit_exchange *k)
{
	const struct stages *row = k->x.stages[SLUICE_REQUEST];
	if (k->verdict != SLUICE_NEXT || !k->x.waits_for_body)
		return;
	k->verdict = SLUICE_WAIT;
	if (!stages_hold(row))
		wait_body_came(&k->x); /* on_resumed() follows, unless the hook waits again */
}

/* Take what has left the row: how many bytes. */
static size_t drain(struct kit_exchange *k, int side)
{
	struct stages *row = k->x.stages[side];
	size_t n = row && !k->x.waits_for_body ? row->out.len : 0;
	if (n)
		buf_move_all(&k->out[side], &row->out);
	return n;
}

void kit_slow(bool on)
{
	is_slow = on;
}

/* Behind a slow receiver there is room for one byte. */
static enum run_result run_row(struct kit_exchange *k, struct stages *row)
{
	static const char full[STAGE_HIGH - 1];
	size_t n = is_slow && !row->out.len ? sizeof(full) : 0;
	buf_append(&row->out, full, n);
	enum run_result r = stages_run(&k->x, row);
	buf_drain(&row->out, n);
	return r;
}

static void on_resumed(sluice_exchange *x, enum run_result r)
{
	struct kit_exchange *k = of(x);
	if (take(k, r) != SLUICE_NEXT)
		return;
	for (int side = SLUICE_REQUEST; side <= SLUICE_RESPONSE; side++) {
		if (x->stages[side] && k->verdict == SLUICE_NEXT)
			(void)take(k, run_row(k, x->stages[side]));
		go_on(k);
		while (drain(k, side) && k->verdict == SLUICE_NEXT)
			(void)take(k, run_row(k, x->stages[side]));
	}
}

/* ---- the request --------------------------------------------------------------------------- */

sluice_exchange *kit_exchange(sluice_instance *inst, const char *method, const char *target)
{
	struct kit_use *u = kit_use(inst);
	struct kit_exchange *k = mem_new(struct kit_exchange);
	sluice_exchange *x = &k->x;
	if (!u->slot)
		kit_die("a request before kit_start()");
	k->use = u;
	u->exchanges++;
	arena_init(&k->own, 0);
	arena_init(&k->client.arena, BUDGET);
	k->conn = (struct conn_info){ .peer_ip = "203.0.113.7",
		.peer_ip_len = 11,
		.tls_version = "TLSv1.3",
		.fd = -1 };
	k->client.conn = &k->conn;
	k->client.head = &k->request;
	sluice_str rest = keep(k, target), path = str_cut(&rest, '?');
	k->request = (struct request_head){ .method_text = keep(k, method),
		.method = (uint8_t)method_find(str_of(method)),
		.target = keep(k, target),
		.path = path,
		.query = rest,
		.has_query = rest.data != NULL,
		.authority = STR("api.example.com"),
		.host = STR("api.example.com"),
		.version = 11 };
	x->client = &k->client;
	x->request = &k->request;
	x->worker = &kit_worker;
	x->slots = u->slots;
	x->keeper = &u->keeper;
	u->keeper.about = &about;
	x->on_resumed = on_resumed;
	x->route_name = STR("route");
	x->upstream_name = STR("upstream");
	x->request_id = STR("request-id");
	run_init(x);
	for (int i = 0; i < KIT_NUMBERS; i++)
		k->numbers[i] = SLUICE_UNKNOWN;
	k->facts[FACT_LISTENER] = STR("listener");
	k->facts[FACT_PEER] = STR("203.0.113.7");
	k->facts[FACT_TLS_VERSION] = STR("TLSv1.3");
	return x;
}

void kit_come_by(sluice_exchange *x, sluice_conn *c)
{
	struct conn_info *info = kit_conn_info(c);
	of(x)->client.conn = info;
	info->requests++;
}

void kit_set_info(sluice_exchange *x, sluice_info what, const char *value)
{
	struct kit_exchange *k = of(x);
	struct request_head *h = &k->request;
	sluice_str *const facts[] = {
		[SLUICE_I_METHOD] = &h->method_text,
		[SLUICE_I_SCHEME] = &x->scheme,
		[SLUICE_I_HOST] = &h->host,
		[SLUICE_I_AUTHORITY] = &h->authority,
		[SLUICE_I_ASKED_AUTHORITY] = &x->asked_authority,
		[SLUICE_I_ASKED_PATH] = &h->target,
		[SLUICE_I_PATH] = &h->path,
		[SLUICE_I_SENT_PATH] = &h->sent_path,
		[SLUICE_I_QUERY] = &h->query,
		[SLUICE_I_TARGET] = &h->target,
		[SLUICE_I_CLIENT_IP] = &x->client_ip,
		[SLUICE_I_ROUTE] = &x->route_name,
		[SLUICE_I_UPSTREAM] = &x->upstream_name,
		[SLUICE_I_REQUEST_ID] = &x->request_id,
	};
	if ((size_t)what < sizeof(facts) / sizeof(facts[0]) && facts[what])
		*facts[what] = keep(k, value);
	else
		k->facts[fact_of_info((int)what)] = keep(k, value);
	h->has_query |= what == SLUICE_I_QUERY;
}

void kit_set_number(sluice_exchange *x, sluice_number_id what, int64_t value)
{
	of(x)->numbers[what] = value;
}

void kit_set_budget(sluice_exchange *x, size_t bytes)
{
	struct arena *a = x->arena;
	(void)arena_alloc(a, 1); /* there is a block */
	size_t left = (size_t)(a->end - a->at);
	if (left > bytes + MEMORY_GAP + 16)
		(void)arena_alloc(a, left - bytes - MEMORY_GAP - 16);
	a->budget = left < bytes ? a->used + bytes : a->used;
	while (!bytes && arena_alloc(a, 1)) /* what the rounding left */
		;
	a->failed = false;
}

void kit_add_header(sluice_exchange *x, sluice_side side, const char *name, const char *value)
{
	struct kit_exchange *k = of(x);
	struct fields *const all[] = { &k->request.fields, &k->response.fields, &k->trailers[0],
		&k->trailers[1] };
	if (fields_add(all[side], &k->own, str_of(name), str_of(value)) < 0)
		kit_die("the field %s cannot be added", name);
}

sluice_verdict kit_run(sluice_exchange *x)
{
	struct kit_exchange *k = of(x);
	sluice_verdict v = take(k, run_request(x, &k->use->chain));
	kit_settle();
	return v;
}

sluice_exchange *kit_request(sluice_instance *inst, const char *method, const char *target, ...)
{
	sluice_exchange *x = kit_exchange(inst, method, target);
	va_list ap;
	va_start(ap, target);
	for (const char *name; (name = va_arg(ap, const char *));)
		kit_add_header(x, SLUICE_REQUEST, name, va_arg(ap, const char *));
	va_end(ap);
	kit_run(x);
	return x;
}

sluice_verdict kit_response(sluice_exchange *x, int status)
{
	struct kit_exchange *k = of(x);
	if (k->verdict == SLUICE_WAIT)
		kit_die("a response while the exchange is parked");
	k->status = status;
	k->numbers[SLUICE_N_STATUS] = status;
	k->response.status = (uint16_t)status;
	k->response.version = 11;
	x->response = &k->response;
	if (x->stages[SLUICE_RESPONSE])
		stages_reset(x);
	return take(k, run_response(x));
}

void kit_end(sluice_exchange *x)
{
	struct kit_exchange *k = of(x);
	run_complete(x);
	kit_settle();
	k->use->exchanges--;
	buf_fini(&k->out[0]);
	buf_fini(&k->out[1]);
	arena_fini(&k->client.arena);
	arena_fini(&k->own);
	free(k);
}

/* ---- bodies -------------------------------------------------------------------------------- */

sluice_verdict kit_body_in(sluice_exchange *x, sluice_side side, const char *bytes, size_t n,
	bool end)
{
	struct kit_exchange *k = of(x);
	struct stages *row = x->stages[side];
	struct buf data;
	if (!row) {
		buf_append(&k->out[side], bytes, n);
		return SLUICE_NEXT;
	}
	buf_init(&data);
	buf_append(&data, bytes, n);
	stages_feed(row, &data);
	if (end)
		stages_end(row, &k->trailers[side]);
	(void)take(k, run_row(k, row));
	go_on(k);
	while (drain(k, (int)side) && k->verdict == SLUICE_NEXT)
		(void)take(k, run_row(k, row)); /* the receiver has taken all: there is room */
	return k->verdict;
}

const char *kit_body_out(sluice_exchange *x, sluice_side side, size_t *n)
{
	struct kit_exchange *k = of(x);
	size_t len = k->out[side].len;
	if (n)
		*n = len;
	return len ? arena_str(&k->own, buf_pullup(&k->out[side], len)).data : "";
}

bool kit_body_wanted(sluice_exchange *x, sluice_side side)
{
	return x->stages[side] != NULL;
}

/* ---- streamed answers ---------------------------------------------------------------------- */

/* The client has got n bytes. */
static void use_room(struct kit_exchange *k, size_t n)
{
	k->room -= n < k->room ? n : k->room;
	if (!k->room && k->x.producer)
		producer_hold(k->x.producer);
}

/* The response ends here. Its status stays, unless the head is still held. */
static void stop_writing(struct kit_exchange *k, enum run_result r)
{
	const struct stages *row = k->x.stages[SLUICE_RESPONSE];
	int status = k->status;
	(void)take(k, r);
	if (!row || !stages_hold(row))
		k->status = status;
	k->is_written = false;
	run_cancel(&k->x);
}

static void write_staged(struct kit_exchange *k, struct stages *row, struct buf *data)
{
	size_t n;
	if (stages_are_full(row)) {
		producer_hold(k->x.producer);
		return;
	}
	stages_feed(row, data);
	do {
		enum run_result r = run_row(k, row);
		if (r != RUN_NEXT) {
			stop_writing(k, r);
			return;
		}
		n = drain(k, SLUICE_RESPONSE);
		use_room(k, n);
	} while (n);
}

static void on_written(sluice_exchange *x, struct buf *data)
{
	struct kit_exchange *k = of(x);
	size_t n = data->len;
	if (x->stages[SLUICE_RESPONSE]) {
		write_staged(k, x->stages[SLUICE_RESPONSE], data);
		return;
	}
	buf_move_all(&k->out[SLUICE_RESPONSE], data);
	use_room(k, n);
}

static void on_written_all(sluice_exchange *x, const struct fields *trailers)
{
	struct kit_exchange *k = of(x);
	k->is_written = false;
	if (trailers)
		k->trailers[SLUICE_RESPONSE] = *trailers;
	k->verdict = SLUICE_NEXT;
	(void)kit_body_in(x, SLUICE_RESPONSE, "", 0, true);
}

static void on_writer_failed(sluice_exchange *x)
{
	struct kit_exchange *k = of(x);
	k->writer_fails = true;
	edit_forget(x, x->decided_by);
	stop_writing(k, RUN_FAIL);
}

static const struct producer_events writing = { on_written, on_written_all, on_writer_failed };

static void begin_writing(struct kit_exchange *k)
{
	k->writer = k->x.producer;
	k->is_written = true;
	k->writer_fails = false;
	k->verdict = SLUICE_WAIT;
	producer_start(k->x.producer, &writing);
}

sluice_verdict kit_stream(sluice_exchange *x, size_t room)
{
	struct kit_exchange *k = of(x);
	if (!x->producer && x->answer.producer)
		producer_take(x);
	if (x->producer && x->producer != k->writer)
		begin_writing(k);
	if (!k->is_written)
		return k->verdict;
	k->room = room;
	if (room)
		producer_resume(x->producer);
	kit_settle();
	return k->verdict;
}

/* ---- questions ----------------------------------------------------------------------------- */

sluice_verdict kit_verdict(sluice_exchange *x)
{
	return of(x)->verdict;
}

int kit_status(sluice_exchange *x)
{
	return of(x)->status;
}

const char *kit_code(sluice_exchange *x)
{
	return x->answer.code;
}

const char *kit_detail(sluice_exchange *x)
{
	return x->answer.detail.data;
}

const char *kit_body(sluice_exchange *x)
{
	sluice_str body = x->answer.body; /* one that is lent has no NUL */
	return body.data ? arena_str(&of(x)->own, body).data : NULL;
}

/* The fields of a side; preview: of the response that is not there yet. */
static const struct fields *fields_of(sluice_exchange *x, sluice_side side,
	struct response_head *preview)
{
	struct kit_exchange *k = of(x);
	if (side == SLUICE_REQUEST)
		return &k->request.fields;
	if (side != SLUICE_RESPONSE)
		return x->stages[side - 2] ? &x->stages[side - 2]->trailers
					   : &k->trailers[side - 2];
	if (x->response)
		return &k->response.fields;
	if (x->answer.status && answer_fields(x, &of(x)->own, &preview->fields) < 0)
		kit_die("no memory for a field");
	x->response = preview;
	edit_apply(x);
	x->response = NULL;
	return &preview->fields;
}

size_t kit_header_count(sluice_exchange *x, sluice_side side, const char *name)
{
	struct response_head preview = { .version = 11 };
	const struct fields *f = fields_of(x, side, &preview);
	size_t n = 0;
	for (uint32_t i = 0; i < f->n; i++)
		n += !(f->v[i].flags & FIELD_DROP) && str_ieq(field_name(&f->v[i]), str_of(name));
	return n;
}

const char *kit_header_at(sluice_exchange *x, sluice_side side, const char *name, size_t at)
{
	struct response_head preview = { .version = 11 };
	const struct fields *f = fields_of(x, side, &preview);
	for (uint32_t i = 0; i < f->n; i++) {
		if ((f->v[i].flags & FIELD_DROP) || !str_ieq(field_name(&f->v[i]), str_of(name)))
			continue;
		if (at-- == 0)
			return arena_str(&of(x)->own, field_value(&f->v[i])).data;
	}
	return NULL;
}

const char *kit_header(sluice_exchange *x, sluice_side side, const char *name)
{
	struct response_head preview = { .version = 11 };
	if (side == SLUICE_REQUEST && x->te_trailers && str_ieq(str_of(name), STR("te")))
		return "trailers"; /* which the codec writes */
	const struct field *f = fields_find_name(fields_of(x, side, &preview), str_of(name));
	return f ? arena_str(&of(x)->own, field_value(f)).data : NULL;
}

const char *kit_attr(sluice_exchange *x, const char *name)
{
	sluice_str v = attr_find(x, str_of(name));
	return v.data ? arena_str(&of(x)->own, v).data : NULL;
}

bool kit_noted(sluice_exchange *x, const char *code)
{
	for (unsigned i = 0; i < x->n_notes; i++) {
		if (strcmp(x->notes[i].code, code) == 0)
			return true;
	}
	return false;
}

/* ---- for kit_tool.c ------------------------------------------------------------------------ */

sluice_verdict kit_take(sluice_exchange *x, enum run_result r)
{
	return take(of(x), r);
}

struct arena *kit_own(sluice_exchange *x)
{
	return &of(x)->own;
}

const struct fields *kit_fields(sluice_exchange *x, sluice_side side)
{
	return fields_of(x, side, arena_new(kit_own(x), struct response_head));
}

struct response_head *kit_new_response(sluice_exchange *x, int status)
{
	struct kit_exchange *k = of(x);
	k->status = status;
	k->response = (struct response_head){ .version = 11, .status = (uint16_t)status };
	return &k->response;
}

bool kit_is_written(sluice_exchange *x)
{
	struct kit_exchange *k = of(x);
	return x->producer && (k->is_written || x->producer != k->writer);
}

bool kit_writer_failed(sluice_exchange *x)
{
	return of(x)->writer_fails;
}

bool kit_has_room(sluice_exchange *x)
{
	return of(x)->room > 0;
}

size_t kit_body_len(sluice_exchange *x, sluice_side side)
{
	return of(x)->out[side].len;
}
