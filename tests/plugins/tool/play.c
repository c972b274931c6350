/* One run of a case. See play.h. */
#include "play.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>

#include "kit_internal.h"
#include "kit_tool.h"
#include "known.h"
#include "policy/run.h"
#include "stand_in.h"

enum {
	WAIT_MS = 11 * 60 * 1000, /* more than any wait */
	AFTER_STEPS = 32,         /* of what goes on in the background, once the request is done */
	THREAD_POLLS = 400,       /* for a thread of the plugin that ends a wait, 1 ms each */
};

struct play {
	const struct play_setting *set;
	const struct script_case *c;
	struct outcome *out;
	sluice_instance *chain[SCRIPT_CHAIN];
	size_t n_chain;
	sluice_conn *conn; /* of all requests of the case; NULL: no plugin looks at it */
	sluice_exchange *x;
	bool is_last, has_left;
	unsigned steps;          /* that were waited for, of this exchange */
	const char *answered_by; /* NULL: nobody yet */
	const char *reason, *detail;
	sluice_str body; /* of the gateway's own answer */
	bool is_own;     /* the answer is the gateway's or a plugin's */
	bool is_broken_off;
	bool is_streamed;
	bool has_enough; /* the client leaves, as the script says */
};

void run_describe(const struct run *r, char *buf, size_t size)
{
	const char *whose = r->side == SLUICE_REQUEST ? "request" : "response";
	switch (r->kind) {
	case RUN_PLAIN:
		(void)snprintf(buf, size, "as the script says");
		break;
	case RUN_SPLIT:
		(void)snprintf(buf, size, "splits: the %s's body comes as %zu byte%s and the rest",
			whose, r->n, str_plural(r->n));
		break;
	case RUN_BYTES:
		(void)snprintf(buf, size, "splits: bodies come byte by byte");
		break;
	case RUN_LATE:
		(void)snprintf(buf, size, "delays: answer %zu comes 1 ms before its deadline",
			r->n);
		break;
	case RUN_DROP:
		(void)snprintf(buf, size, "drops: the client leaves at wait %zu", r->n);
		break;
	case RUN_MEMORY:
		(void)snprintf(buf, size, "memory: the request has %zu bytes left", r->n);
		break;
	case RUN_SLOW:
	case RUN_KINDS:
		(void)snprintf(buf, size, "slow: receivers of bodies have little room");
		break;
	}
}

/* ---- instances ----------------------------------------------------------------------------- */

static const sluice_host *unused_host; /* modules have their table from the loader */

static sluice_instance *instance_of(const struct script *s, const struct module_dirs *dirs,
	const struct node *n)
{
	char why[MODULE_WHY];
	const struct node *use = node_find(n, STR("use"));
	const struct module *m = use ? module_get(dirs, use->text, why) : NULL;
	if (!m)
		kit_die("%s", why);
	return kit_instance_of(m, &s->config, n);
}

bool play_check(const struct script *s, const struct module_dirs *dirs)
{
	bool ok = true;
	kit_begin(&unused_host);
	stand_in_stores(s, NULL);
	for (uint32_t i = 0; i < s->plugins->n; i++) {
		sluice_instance *inst = instance_of(s, dirs, s->plugins->v[i]);
		if (kit_check(inst) != 0)
			ok = false;
		diag_print(kit_diag(inst), stderr);
		kit_stop(inst);
	}
	return ok;
}

static void start_chain(struct play *p)
{
	const struct script *s = p->set->script;
	sluice_str names[SCRIPT_CHAIN];
	p->n_chain = script_chain(s, p->c, names);
	for (size_t i = 0; i < p->n_chain; i++) {
		p->chain[i] = instance_of(s, p->set->dirs, node_find(s->plugins, names[i]));
		if (kit_check(p->chain[i]) != 0)
			kit_die("the options of %.*s are refused", STR_ARG(names[i]));
		kit_start(p->chain[i]);
	}
	kit_chain(p->chain, p->n_chain);
	kit_advance(p->c->before);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static bool has_threads(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/task");
	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n > 3; /* ".", ".." and this one */
}

/* A thread of the plugin works in real time, in which the kit's clock stands still. */
static void await_threads(struct play *p)
{
	const char *what = kit_waits_for(p->x);
	if (!what || strcmp(what, "a ticket") != 0 || !has_threads())
		return;
	for (int i = 0; i < THREAD_POLLS && kit_verdict(p->x) == SLUICE_WAIT; i++) {
		const struct timespec ms = { 0, 1000000 };
		(void)nanosleep(&ms, NULL);
		kit_settle();
	}
}

static bool is_run(const struct play *p, enum run_kind kind)
{
	return p->is_last && p->set->run.kind == kind;
}

/* Whether it waits for nothing but more of the request's body. */
static bool awaits_body(const struct play *p)
{
	return kit_verdict(p->x) == SLUICE_WAIT && !p->has_left && kit_awaits_body(p->x);
}

/* The exchange waits: let the next thing happen. */
static void wait_once(struct play *p)
{
	p->steps++;
	if (is_run(p, RUN_DROP) && p->steps == p->set->run.n) {
		p->has_left = true;
		return;
	}
	await_threads(p);
	if (kit_verdict(p->x) == SLUICE_WAIT && !kit_advance_once(WAIT_MS))
		kit_die("the exchange waits, and nothing will end it");
}

/* Let the exchange go on until it waits no more, or for the body of the request. */
static sluice_verdict settle(struct play *p)
{
	while (kit_verdict(p->x) == SLUICE_WAIT && !awaits_body(p) && !p->has_left)
		wait_once(p);
	return kit_verdict(p->x);
}

/* ---- the request --------------------------------------------------------------------------- */

static const char *text(sluice_str s)
{
	return s.data ? s.data : ""; /* those of the script end with a NUL */
}

static void add_fields(sluice_exchange *x, sluice_side side, sluice_pairs v)
{
	for (size_t i = 0; i < v.n; i++)
		kit_add_header(x, side, text(v.v[i].name), text(v.v[i].value));
}

/* What the gateway knows from the start, or when there is a response. */
static void tell_facts(const struct play *p, bool of_response)
{
	for (size_t i = 0; i < p->c->facts.n; i++) {
		const sluice_pair *f = &p->c->facts.v[i];
		int info = known_info(f->name);
		if (info >= 0 && known_is_of_response(f->name) == of_response)
			kit_set_info(p->x, (sluice_info)info, text(f->value));
	}
}

static void tell_numbers(const struct play *p)
{
	for (size_t i = 0; i < p->c->numbers.n; i++) {
		const sluice_pair *n = &p->c->numbers.v[i];
		uint64_t value;
		if (str_u64(n->value, &value))
			kit_set_number(p->x, (sluice_number_id)known_number(n->name),
				(int64_t)value);
	}
}

static void open_exchange(struct play *p)
{
	const struct script_request *r = &p->c->request;
	sluice_exchange *x = kit_exchange(p->chain[0], text(r->method), text(r->target));
	p->x = x;
	kit_client_asks(x, text(r->host));
	kit_add_header(x, SLUICE_REQUEST, "Host", text(r->host));
	kit_set_info(x, SLUICE_I_SCHEME, text(r->scheme));
	kit_set_info(x, SLUICE_I_CLIENT_IP, text(r->client));
	if (p->conn)
		kit_come_by(x, p->conn);
	add_fields(x, SLUICE_REQUEST, r->fields);
	add_fields(x, SLUICE_REQUEST_TRAILERS, r->trailers);
	for (size_t i = 0; i < p->c->facts.n; i++) {
		if (known_info(p->c->facts.v[i].name) < 0)
			kit_state_fact(x, text(p->c->facts.v[i].name),
				text(p->c->facts.v[i].value));
	}
	tell_facts(p, false);
	tell_numbers(p);
	if (is_run(p, RUN_MEMORY))
		kit_memory_limit(x, p->set->run.n);
	kit_late(is_run(p, RUN_LATE) ? (unsigned)p->set->run.n : 0);
	kit_slow(is_run(p, RUN_SLOW));
}

/* How many bytes of the body come next, of those from `at` on. */
static size_t piece(const struct play *p, sluice_side side, size_t len, size_t at)
{
	if (is_run(p, RUN_BYTES))
		return len > at ? 1 : 0;
	if (is_run(p, RUN_SPLIT) && p->set->run.side == side && at < p->set->run.n)
		return p->set->run.n - at;
	return len - at;
}

/* SLUICE_NEXT: all of it has gone through. */
static sluice_verdict send_body(struct play *p, sluice_side side, sluice_str body)
{
	size_t at = 0, n;
	sluice_verdict v = SLUICE_NEXT;
	do {
		n = piece(p, side, body.len, at);
		(void)kit_body_in(p->x, side, text(body) + at, n, at + n == body.len);
		at += n;
		v = settle(p);
	} while ((v == SLUICE_NEXT || awaits_body(p)) && !p->has_left && at < body.len);
	return v;
}

static void note_forwarded(struct play *p)
{
	struct outcome *o = p->out;
	sluice_exchange *x = p->x;
	sluice_pair f;
	size_t n, iter = 0;
	outcome_add(o, "forwarded:method", p->c->request.method);
	outcome_add(o, "forwarded:target", str_of(kit_target(x)));
	outcome_add(o, "forwarded:host", str_of(kit_authority(x)));
	outcome_add(o, "forwarded:upstream", str_of(kit_upstream(x)));
	while (kit_field_next(x, SLUICE_REQUEST, &iter, &f))
		outcome_add_part(o, "forwarded:field:", f.name, f.value);
	iter = 0;
	while (kit_field_next(x, SLUICE_REQUEST_TRAILERS, &iter, &f))
		outcome_add_part(o, "forwarded:trailer:", f.name, f.value);
	const char *body = kit_body_out(x, SLUICE_REQUEST, &n);
	outcome_add(o, "forwarded:body", str_n(body, n));
}

/* ---- the response -------------------------------------------------------------------------- */

/* What the gateway answers where a plugin did not let it go on; 0: what the plugin gave. */
static int refusal(const struct play *p, enum kit_where where)
{
	if (kit_verdict(p->x) == SLUICE_WAIT)
		kit_die("the request waits for its body, which has come");
	if (kit_verdict(p->x) == SLUICE_FAIL)
		return kit_memory_failed(p->x) ? ERR_NO_MEMORY : ERR_PLUGIN_FAILED;
	if (p->x->answer.status)
		return 0;
	return where == KIT_AT_RESPONSE_BODY ? ERR_UPSTREAM_BODY_TOO_LARGE : ERR_BODY_TOO_LARGE;
}

static void answer(struct play *p, enum kit_where where, int err)
{
	p->answered_by = err ? "gateway" : kit_decided_by(p->x);
	p->reason = err ? err_code(err) : kit_code(p->x);
	p->detail = err || !p->reason ? NULL : kit_detail(p->x);
	p->body = STR("");
	p->is_own = true;
	if (!p->reason && p->x->answer.body.data)
		p->body = arena_str(kit_own(p->x), p->x->answer.body);
	(void)kit_answer(p->x, where, err);
	(void)settle(p);
}

/* As long as hooks on the response replace it. */
static void answer_on(struct play *p)
{
	while (!p->has_left && kit_verdict(p->x) != SLUICE_NEXT)
		answer(p, KIT_AT_HEAD, refusal(p, KIT_AT_HEAD));
}

static void upstream_answers(struct play *p)
{
	static const int errors[] = { 0, ERR_UPSTREAM_CLOSED, ERR_UPSTREAM_TIMEOUT,
		ERR_UPSTREAM_BAD_HEAD };
	const struct script_upstream *u = &p->c->upstream;
	if (u->fails != SCRIPT_WORKS) {
		answer(p, KIT_AT_HEAD, errors[u->fails]);
		return;
	}
	p->answered_by = "upstream";
	tell_facts(p, true);
	add_fields(p->x, SLUICE_RESPONSE, u->fields);
	add_fields(p->x, SLUICE_RESPONSE_TRAILERS, u->trailers);
	(void)kit_response(p->x, (int)u->status);
	(void)settle(p);
}

/* The client takes a streamed answer, all at once or, when it is slow, piece by piece. SLUICE_NEXT:
 * it has got all of it. */
static sluice_verdict receive(struct play *p)
{
	size_t most = p->c->request.leaves_after, got;
	size_t room = is_run(p, RUN_SLOW) ? 1 : most ? most : SCRIPT_BODY_MAX;
	p->is_streamed = true;
	(void)kit_stream(p->x, room);
	while (kit_is_written(p->x) && !p->has_left) {
		got = kit_body_len(p->x, SLUICE_RESPONSE);
		p->has_enough = most && got >= most;
		if (p->has_enough)
			return SLUICE_WAIT;
		if (got >= SCRIPT_BODY_MAX)
			kit_die("the answer has no end; the client may leave: leaves_after");
		if (kit_waits_for(p->x) || kit_has_room(p->x))
			wait_once(p);
		else
			(void)kit_stream(p->x, room);
	}
	return settle(p); /* hooks on the body may wait for something when they have it */
}

/* The body of the response; an answer may take the place of a response whose head is held. */
static void respond(struct play *p)
{
	for (;;) {
		answer_on(p);
		if (p->has_left)
			return;
		bool may =
			response_may_have_body(method_find(p->c->request.method), kit_status(p->x));
		if (!may) {
			kit_no_body(p->x);
			return;
		}
		bool held = kit_head_is_held(p->x, SLUICE_RESPONSE);
		sluice_str body = p->is_own ? p->body : p->c->upstream.body;
		sluice_verdict v = kit_is_written(p->x) ? receive(p)
							: send_body(p, SLUICE_RESPONSE, body);
		if (v == SLUICE_NEXT || p->has_left || p->has_enough)
			return;
		if (!held) {
			p->is_broken_off = true;
			return;
		}
		enum kit_where where = kit_writer_failed(p->x) ? KIT_AT_WRITING
							       : KIT_AT_RESPONSE_BODY;
		answer(p, where, refusal(p, where));
	}
}

static void note_response(struct play *p)
{
	struct outcome *o = p->out;
	sluice_pair f;
	size_t n, iter = 0;
	outcome_add_number(o, "status", (uint64_t)kit_status(p->x));
	outcome_add(o, "answered_by", str_of(p->answered_by));
	if (p->reason)
		outcome_add(o, "reason", str_of(p->reason));
	if (p->detail)
		outcome_add(o, "detail", str_of(p->detail));
	while (kit_field_next(p->x, SLUICE_RESPONSE, &iter, &f))
		outcome_add_part(o, "field:", f.name, f.value);
	iter = 0;
	while (kit_field_next(p->x, SLUICE_RESPONSE_TRAILERS, &iter, &f))
		outcome_add_part(o, "trailer:", f.name, f.value);
	const char *body = kit_body_out(p->x, SLUICE_RESPONSE, &n);
	if (p->has_enough)
		n = p->c->request.leaves_after;
	if (p->is_streamed)
		outcome_add(o, "streamed", STR("yes"));
	if (!p->reason)
		outcome_add(o, "body", str_n(body, n));
	if (p->is_broken_off)
		outcome_add(o, "broken_off", STR("yes"));
}

static void note_rest(struct play *p)
{
	const sluice_pairs *facts = &p->c->expect.facts;
	const char *note;
	for (unsigned i = 0; (note = kit_note(p->x, i)); i++)
		outcome_add(p->out, "note", str_of(note));
	for (size_t i = 0; i < facts->n; i++) {
		const char *value = kit_attr(p->x, text(facts->v[i].name));
		char name[256];
		(void)snprintf(name, sizeof(name), "fact:%s", text(facts->v[i].name));
		if (value)
			outcome_add(p->out, name, str_of(value));
	}
	outcome_add_number(p->out, "waits", p->steps);
	outcome_add_number(p->out, "calls", kit_calls());
	if (is_run(p, RUN_MEMORY))
		outcome_add_number(p->out, "memory", p->set->run.n - kit_memory_left(p->x));
}

/* To the log sinks of the chain. */
static void give_records(struct play *p)
{
	for (size_t i = 0; i < p->n_chain && !is_run(p, RUN_MEMORY); i++) {
		if (p->chain[i]->plugin->on_records)
			kit_record(p->chain[i], p->x);
	}
}

/* ---- the connection ------------------------------------------------------------------------ */

/* The client connects, if a plugin has hooks for that. False: it is refused. */
static bool open_connection(struct play *p)
{
	const struct script_request *r = &p->c->request;
	if (!kit_sees_conns(p->chain[0]))
		return true;
	p->conn = kit_conn(p->chain[0]);
	kit_conn_set_info(p->conn, SLUICE_I_PEER, text(r->client));
	kit_conn_set_info(p->conn, SLUICE_I_CLIENT_IP, text(r->client));
	for (size_t i = 0; i < p->c->facts.n; i++) {
		const sluice_pair *f = &p->c->facts.v[i];
		int info = known_info(f->name);
		if (info >= 0 && !known_is_of_response(f->name))
			kit_conn_set_info(p->conn, (sluice_info)info, text(f->value));
	}
	if (kit_connect(p->conn) == SLUICE_NEXT && str_eq(r->scheme, STR("https")))
		(void)kit_secure(p->conn);
	sluice_str why = str_of(kit_conn_refused(p->conn));
	if (!why.len)
		return true;
	outcome_add(p->out, "refused", str_cut(&why, ',')); /* CODE, by plugin instance ... */
	return false;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void exchange(struct play *p)
{
	open_exchange(p);
	(void)kit_run(p->x);
	sluice_verdict v = settle(p);
	enum kit_where where = KIT_AT_HEAD;
	if ((v == SLUICE_NEXT || awaits_body(p)) && !p->has_left) {
		where = KIT_AT_REQUEST_BODY;
		v = send_body(p, SLUICE_REQUEST, p->c->request.body);
		if (v == SLUICE_NEXT && !p->has_left)
			v = kit_attempt(p->x);
	}
	if (!p->has_left && v != SLUICE_NEXT) {
		answer(p, where, refusal(p, where));
	} else if (!p->has_left) {
		if (p->is_last)
			note_forwarded(p);
		upstream_answers(p);
	}
	respond(p);
	if (p->is_last && !p->has_left)
		note_response(p);
	if (p->is_last)
		note_rest(p);
	give_records(p);
	kit_end(p->x);
}

static void note_log(struct play *p)
{
	sluice_str rest = str_of(kit_log());
	while (rest.len) {
		sluice_str line = str_cut(&rest, '\n');
		if (line.len)
			outcome_add(p->out, "log", line);
	}
}

void play(const struct play_setting *set, struct outcome *out)
{
	kit_begin(&unused_host);
	stand_in_stores(set->script, set->of);
	stand_in_fetches(set->of);
	struct play first = { .set = set, .c = set->of, .out = out };
	start_chain(&first);
	uint64_t requests = open_connection(&first) ? set->of->repeat : 0;
	for (uint64_t i = 0; i < requests; i++) {
		struct play p = first;
		p.is_last = i + 1 == requests;
		exchange(&p);
		if (!p.is_last)
			kit_advance(set->of->pause);
	}
	if (first.conn)
		kit_disconnect(first.conn);
	for (int i = 0; i < AFTER_STEPS && kit_advance_once(60000); i++)
		;
	for (size_t i = first.n_chain; i > 0; i--)
		kit_stop(first.chain[i - 1]);
	note_log(&first);
}
