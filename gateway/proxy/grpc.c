/* gRPC calls. See the header. Worker's thread only. */
#include "proxy/grpc.h"

#include "http/version.h"
#include "proxy/deadline.h"

enum {
	MESSAGE_MAX = 1024, /* bytes of a grpc-message of our own */
};

/* ---- which exchanges are calls ------------------------------------------------------------- */

static bool grpc_is_said(const struct fields *f)
{
	const struct field *type = fields_find(f, TOKEN_CONTENT_TYPE);
	return type && grpc_is_content_type(field_value(type));
}

void grpc_begin(struct exchange *x)
{
	x->is_call = grpc_is_said(&x->px.request->fields);
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

int grpc_aim(struct exchange *x)
{
	struct request_head *h = x->px.request;
	/* Elsewhere the timeouts of HTTP/1.1 hold: there is nothing to ask its connections by. */
	h->call = http_version_of(h->version)->carries_calls && x->px.upstream >= 0 &&
		x->view->snap->upstreams[x->px.upstream].conf->protocol != PROTOCOL_HTTP1;
	return deadline_watch_silence(x,
		h->call ? x->route->conf->grpc.idle * NS_PER_MS : TIMER_NEVER);
}

int grpc_start(struct exchange *x)
{
	const struct grpc_conf *conf = &x->route->conf->grpc;
	uint64_t ns, most = conf->max_timeout ? conf->max_timeout * NS_PER_MS : GRPC_NO_TIMEOUT;
	int err = grpc_read_timeout(&x->px.request->fields, &ns);

	if (ns > most)
		ns = most;
	if (!err && ns < TIMER_NEVER - x->px.client->started_ns)
		err = deadline_by(x, x->px.client->started_ns + ns, ERR_DEADLINE_EXCEEDED);
	return err ? err : grpc_aim(x);
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

static bool grpc_is_late(int err)
{
	return err == ERR_DEADLINE_EXCEEDED || err == ERR_ROUTE_TIMEOUT;
}

/* By its status; but a deadline has a code of its own. */
static enum grpc_code grpc_code_of_err(int err)
{
	return grpc_is_late(err) ? GRPC_DEADLINE_EXCEEDED : grpc_code_of(err_info(err)->status);
}

int grpc_refuse(struct exchange *x, struct response_head *h, int status, sluice_str code,
	sluice_str sentence)
{
	enum grpc_code number = grpc_is_late(x->err) ? GRPC_DEADLINE_EXCEEDED
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
