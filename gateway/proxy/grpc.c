/* gRPC calls. See the header. Worker's thread only. */
#include "proxy/grpc.h"

#include "base/stat.h"
#include "http/version.h"

enum {
	MESSAGE_MAX = 1024, /* bytes of a grpc-message of our own */
	LOOKS = 2,          /* at a silent call before it ends: one in each half of the time */
};

/* ---- which exchanges are calls ------------------------------------------------------------- */

static bool grpc_is_said(const struct fields *f)
{
	const struct field *type = fields_find(f, TOKEN_CONTENT_TYPE);
	return type && grpc_is_content_type(field_value(type));
}

static void grpc_on_due(struct timer *t);

void grpc_begin(struct exchange *x)
{
	if (!grpc_is_said(&x->px.request->fields))
		return;
	struct grpc_call *g = arena_zalloc(x->px.arena, sizeof(*g));
	if (!g)
		return; /* the request is refused for want of memory */
	g->x = x;
	g->deadline_ns = g->idle_ns = TIMER_NEVER;
	timer_init(&g->timer, grpc_on_due);
	x->grpc = g;
}

void grpc_fini(struct grpc_call *g)
{
	timer_drop(&g->timer);
}

/* ---- time ---------------------------------------------------------------------------------- */

/* What the client gives the call; GRPC_NO_TIMEOUT where it says nothing. */
static int grpc_read_timeout(const struct fields *f, uint64_t *ns)
{
	bool said = false;
	*ns = GRPC_NO_TIMEOUT;
	for (uint32_t i = 0; i < f->n; i++) {
		if ((f->v[i].flags & FIELD_DROP) ||
			!str_ieq(field_name(&f->v[i]), STR("grpc-timeout")))
			continue;
		if (said || !grpc_timeout_parse(field_value(&f->v[i]), ns))
			return ERR_GRPC_TIMEOUT;
		said = true;
	}
	return 0;
}

/* The server is to know what it has left. */
static int grpc_write_timeout(struct exchange *x, uint64_t ns)
{
	char *at = arena_alloc(x->px.arena, GRPC_TIMEOUT_TEXT);
	if (!at)
		return ERR_NO_MEMORY;
	return fields_set(&x->px.request->fields, x->px.arena, STR("grpc-timeout"),
		str_n(at, grpc_timeout_write(ns, at)));
}

static void grpc_watch(struct grpc_call *g)
{
	uint64_t now = worker_now(g->x->px.worker),
		 left = g->deadline_ns > now ? g->deadline_ns - now : 0;
	uint64_t look = g->idle_ns / LOOKS;
	if (g->deadline_ns != TIMER_NEVER || g->idle_ns != TIMER_NEVER)
		worker_timer(g->x->px.worker, &g->timer, left < look ? left : look);
}

void grpc_aim(struct exchange *x)
{
	struct grpc_call *g = x->grpc;
	struct request_head *h = x->px.request;
	/* Elsewhere the timeouts of HTTP/1.1 hold: there is nothing to ask its connections by. */
	h->call = http_version_of(h->version)->carries_calls && x->px.upstream >= 0 &&
		x->view->snap->upstreams[x->px.upstream].conf->protocol != PROTOCOL_HTTP1;
	g->idle_ns = h->call ? x->route->conf->grpc.idle * NS_PER_MS : TIMER_NEVER;
	grpc_watch(g);
}

int grpc_start(struct exchange *x)
{
	struct grpc_call *g = x->grpc;
	const struct grpc_conf *conf = &x->route->conf->grpc;
	uint64_t ns, most = conf->max_timeout ? conf->max_timeout * NS_PER_MS : GRPC_NO_TIMEOUT;
	int err = grpc_read_timeout(&x->px.request->fields, &ns);

	if (!err && ns > most) {
		ns = most;
		err = grpc_write_timeout(x, ns);
	}
	if (err)
		return err;
	if (ns < TIMER_NEVER - x->px.client->started_ns)
		g->deadline_ns = x->px.client->started_ns + ns;
	grpc_aim(x);
	return 0;
}

static void grpc_on_due(struct timer *t)
{
	struct grpc_call *g = container_of(t, struct grpc_call, timer);
	const struct client *c = g->x->px.client;
	uint64_t bytes = c->bytes_in + c->bytes_out;
	bool quiet = bytes == g->seen && g->idle_ns != TIMER_NEVER;
	int err = 0;

	if (g->deadline_ns <= worker_now(g->x->px.worker)) {
		g->deadline_ns = TIMER_NEVER;
		err = ERR_DEADLINE_EXCEEDED;
		if (g->x->state != EXCHANGE_SENT)
			stat_inc(STAT_TIMEOUT_DEADLINE);
	} else if (quiet && g->quiet) {
		err = ERR_CALL_IDLE;
	}
	g->quiet = quiet && !err;
	g->seen = bytes;
	grpc_watch(g); /* before the exchange hears: also while its client only takes the answer */
	/* who has its answer, and only has to take it, is not late; but it may not be silent for as
	 * long as it likes to answer PINGs */
	if (err && (err == ERR_CALL_IDLE || g->x->state != EXCHANGE_SENT))
		g->x->events->on_failed(g->x, err);
}

/* ---- errors -------------------------------------------------------------------------------- */

/* "CODE: sentence" */
static int grpc_put_status(struct exchange *x, struct fields *f, enum grpc_code status,
	sluice_str code, sluice_str sentence)
{
	struct arena *a = x->px.arena;
	char message[MESSAGE_MAX];
	sluice_str number = arena_printf(a, "%u", (unsigned)status);
	sluice_str text = arena_printf(a, "%.*s: %.*s", STR_ARG(code), STR_ARG(sentence));
	text = arena_str(a, str_n(message, grpc_message_write(text, message, sizeof(message))));
	if (!number.data || !text.data)
		return ERR_NO_MEMORY;
	int err = fields_set(f, a, STR("grpc-status"), number);
	return err ? err : fields_set(f, a, STR("grpc-message"), text);
}

/* By its status; but a deadline has a code of its own. */
static enum grpc_code grpc_code_of_err(int err)
{
	return err == ERR_DEADLINE_EXCEEDED ? GRPC_DEADLINE_EXCEEDED
					    : grpc_code_of(err_info(err)->status);
}

int grpc_refuse(struct exchange *x, struct response_head *h, int status, sluice_str code,
	sluice_str sentence)
{
	enum grpc_code number = x->err == ERR_DEADLINE_EXCEEDED ? GRPC_DEADLINE_EXCEEDED
								: grpc_code_of(status);
	h->body = BODY_NONE; /* "Trailers-Only": what would end the response is its head */
	h->has_length = false;
	return grpc_put_status(x, &h->fields, number, code, sentence);
}

const struct fields *grpc_farewell(struct exchange *x, int err)
{
	const struct response_head *h = x->px.response;
	/* a body of known length would be malformed */
	if (!http_version_of(x->px.request->version)->carries_calls || h->body != BODY_CHUNKED ||
		!grpc_is_said(&h->fields))
		return NULL;
	struct fields *f = arena_zalloc(x->px.arena, sizeof(*f));
	const struct err_info *info = err_info(err);
	return f &&
			grpc_put_status(x, f, grpc_code_of_err(err), str_of(info->code),
				str_of(info->text)) == 0
		? f
		: NULL;
}

int grpc_status(const struct exchange *x)
{
	const struct fields *places[] = { x->to_client.trailers,
		x->px.response ? &x->px.response->fields : NULL };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct field *f = places[i] ? fields_find_name(places[i], STR("grpc-status"))
						  : NULL;
		if (f)
			return grpc_status_parse(field_value(f));
	}
	/* what a client makes of it that is not told */
	return x->err ? (int)grpc_code_of_err(x->err) : -1;
}
