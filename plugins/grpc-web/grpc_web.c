/*
 * grpc-web: lets browsers call gRPC services. A browser can neither read trailers nor choose
 * HTTP/2. So gRPC-Web puts the trailers into the body, as the last frame, and encodes the body in
 * base64 when the client asks for text. This plugin turns requests into gRPC and responses into
 * gRPC-Web. wire.c has the encoding, shared/cors.c the fields for pages of other origins.
 */
#include <sluice/str.h>
#include <stdio.h>

#include "conf.h"
#include "wire.h"

enum {
	PIECE = 3 * 1024, /* bytes that are coded at a time; a multiple of 3 */
	GROUP = 4,        /* letters of base64 that are decoded together */
	MESSAGE_MAX = 64,
};

static const sluice_option grpc_web_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct grpc_web, origins, .max = "64",
		.doc = "origins whose pages may call, such as https://app.example.com, or \"*\"; "
		       "pages of the gateway's own origin need no entry"),
	SLUICE_OPTION(SLUICE_T_STRS, struct grpc_web, headers, .max = "64",
		.doc = "fields that such pages may send, in addition to those of gRPC-Web and "
		       "authorization"),
	SLUICE_OPTION(SLUICE_T_STRS, struct grpc_web, expose, .max = "64",
		.doc = "fields of responses that such pages may read, in addition to those of "
		       "gRPC-Web"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct grpc_web, credentials, .def = "false",
		.doc = "whether such pages may send cookies; not with the origin \"*\""),
	SLUICE_OPTION(SLUICE_T_DURATION, struct grpc_web, max_age, .def = "1h", .max = "24h",
		.doc = "how long a browser may cache the answer to a preflight"),
	SLUICE_OPTIONS_END,
};

/* The state of a call. */
struct call {
	bool is_web;
	bool text;           /* the client wants base64 */
	sluice_pair head[3]; /* of a response without a body: the trailers that are in its head */
	size_t n_head;
};

/* ---- configuration ------------------------------------------------------------------------- */

static int grpc_web_check(sluice_instance *inst, void *conf)
{
	struct grpc_web *w = conf;
	struct cors_policy *p = &w->cors;
	char at[32];
	cors_policy_init(inst, p, w->origins.n);
	p->credentials = w->credentials;
	for (size_t i = 0; i < w->origins.n; i++) {
		(void)snprintf(at, sizeof(at), "origins[%zu]", i);
		if (cors_policy_add(inst, at, w->origins.v[i], false, p) < 0)
			return -1;
	}
	if (cors_policy_close(inst, p) < 0 || cors_check_fields(inst, "headers", w->headers) < 0 ||
		cors_check_fields(inst, "expose", w->expose) < 0)
		return -1;
	p->methods = SLUICE_STR("POST");
	p->fields = cors_join(inst,
		SLUICE_STR("authorization, content-type, grpc-timeout, x-grpc-web, x-user-agent"),
		w->headers);
	p->expose = cors_join(inst,
		SLUICE_STR("grpc-status, grpc-message, grpc-status-details-bin"), w->expose);
	p->max_age = cors_seconds(inst, w->max_age);
	return 0;
}

/* ---- pages of other origins ---------------------------------------------------------------- */

/* Let the page read the response, whatever it will be. */
static void allow_page(sluice_exchange *x, const struct grpc_web *w)
{
	const struct cors_found none = { 0 };
	sluice_str origin = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("origin"));
	if (!w->origins.n)
		return;
	cors_vary(x, &w->cors, &none);
	if (w->cors.any || (origin.data && cors_permits(&w->cors, origin)))
		cors_allow(x, &w->cors, origin);
}

static sluice_verdict answer_preflight(sluice_exchange *x, const struct grpc_web *w)
{
	const struct cors_found none = { 0 };
	sluice_str origin = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("origin"));
	cors_vary(x, &w->cors, &none);
	if (!cors_permits(&w->cors, origin))
		return cors_refuse(x);
	cors_allow_preflight(x, &w->cors, origin);
	return sluice_reply(x, 204, SLUICE_STR(""), SLUICE_STR(""));
}

/* ---- the request --------------------------------------------------------------------------- */

/* "application/grpc" and the suffix. */
static bool set_type(sluice_exchange *x, sluice_side side, sluice_str type, sluice_str suffix)
{
	char *at = sluice_alloc(x, type.len + suffix.len);
	if (!at)
		return false;
	memcpy(at, type.data, type.len);
	if (suffix.len)
		memcpy(at + type.len, suffix.data, suffix.len);
	sluice_field_set(x, side, SLUICE_STR("content-type"),
		(sluice_str){ at, type.len + suffix.len });
	return true;
}

/* Whether the client wants text: as Accept says or, without it, as Content-Type says. */
static bool wants_text(sluice_exchange *x, bool sends_text)
{
	sluice_str accept = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("accept")), suffix;
	bool text;
	while (accept.len) {
		sluice_str type = sluice_str_trim(sluice_str_cut(&accept, ','));
		if (wire_is_web(type, &text, &suffix))
			return text;
	}
	return sends_text;
}

static sluice_verdict grpc_web_on_request(sluice_exchange *x, const void *conf)
{
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_STREAM,
		.max = GROUP };
	const struct grpc_web *w = conf;
	sluice_str suffix, method = sluice_get(x, SLUICE_I_METHOD);
	bool text;
	if (w->origins.n && cors_is_preflight(x))
		return answer_preflight(x, w);
	if (!sluice_str_is(method, "POST") ||
		!wire_is_web(sluice_field(x, SLUICE_REQUEST, SLUICE_STR("content-type")), &text,
			&suffix))
		return SLUICE_NEXT;
	struct call *c = sluice_state(x, sizeof(*c));
	if (!c)
		return SLUICE_FAIL;
	c->is_web = true;
	c->text = wants_text(x, text);
	allow_page(x, w);
	if (!set_type(x, SLUICE_REQUEST, SLUICE_STR("application/grpc"), suffix))
		return SLUICE_FAIL;
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("te"), SLUICE_STR("trailers"));
	sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("accept"));
	if (text && !sluice_body_want(x, SLUICE_REQUEST, &plan))
		return SLUICE_FAIL;
	return SLUICE_NEXT;
}

/* Base64, in segments that are padded or not. */
static sluice_verdict grpc_web_on_request_body(sluice_exchange *x, const void *conf,
	sluice_str data, bool end)
{
	char out[PIECE];
	(void)conf;
	while (data.len >= GROUP) {
		size_t n = sizeof(out);
		ptrdiff_t used = wire_decode(data, out, &n);
		if (used < 0)
			return sluice_refuse(x, 400, "grpc-web-text",
				"The body is not valid base64.");
		sluice_body_drop(x, (size_t)used);
		data = (sluice_str){ data.data + used, data.len - (size_t)used };
		if (!sluice_body_write(x, (sluice_str){ out, n }))
			return SLUICE_NEXT;
	}
	if (end && data.len)
		return sluice_refuse(x, 400, "grpc-web-text",
			"The body ends within a group of base64.");
	return SLUICE_NEXT;
}

/* ---- the response -------------------------------------------------------------------------- */

/* The gRPC status for a response that is not gRPC, by its HTTP status ("HTTP to gRPC Status Code
 * Mapping"). */
static unsigned code_of(int status)
{
	switch (status) {
	case 400:
		return 13;
	case 401:
		return 16;
	case 403:
		return 7;
	case 404:
		return 12;
	case 429:
	case 502:
	case 503:
	case 504:
		return 14;
	default:
		return 2;
	}
}

/* A frame of trailers in the exchange's memory; data is NULL when that is spent. */
static sluice_str frame_of(sluice_exchange *x, const sluice_pair *head, size_t n_head,
	sluice_side side, bool with_trailers)
{
	sluice_pair f;
	size_t n = 0, i = 0;
	for (size_t h = 0; h < n_head; h++)
		n += wire_line_size(head[h]);
	while (with_trailers && sluice_field_next(x, side, &i, &f))
		n += wire_line_size(f);
	char *frame = sluice_alloc(x, WIRE_FRAME_HEAD + n), *at = frame;
	if (!frame)
		return (sluice_str){ NULL, 0 };
	wire_trailer_head(frame, n);
	at += WIRE_FRAME_HEAD;
	for (size_t h = 0; h < n_head; h++)
		at = wire_line(at, head[h]);
	for (i = 0; with_trailers && sluice_field_next(x, side, &i, &f);)
		at = wire_line(at, f);
	return (sluice_str){ frame, (size_t)(at - frame) };
}

static sluice_str as_text(sluice_exchange *x, sluice_str data)
{
	char *out = sluice_alloc(x, wire_encoded(data.len));
	if (!out)
		return (sluice_str){ NULL, 0 };
	wire_encode(data, out);
	return (sluice_str){ out, wire_encoded(data.len) };
}

/* A response that is not gRPC: only its status can be passed on. */
static sluice_verdict not_grpc(sluice_exchange *x, const struct call *c)
{
	char code[16], message[MESSAGE_MAX];
	int status = sluice_response_status(x);
	int n = snprintf(code, sizeof(code), "%u", code_of(status));
	int m = snprintf(message, sizeof(message), "HTTP status %d", status);
	const sluice_pair head[] = { { SLUICE_STR("grpc-status"), { code, (size_t)n } },
		{ SLUICE_STR("grpc-message"), { message, (size_t)m } } };
	sluice_str frame = frame_of(x, head, 2, SLUICE_RESPONSE_TRAILERS, false);
	if (frame.data && c->text)
		frame = as_text(x, frame);
	if (!frame.data)
		return SLUICE_FAIL;
	return sluice_reply(x, 200,
		c->text ? SLUICE_STR("application/grpc-web-text+proto")
			: SLUICE_STR("application/grpc-web+proto"),
		frame);
}

/* A response without a body has its trailers in the head. */
static void take_from_head(sluice_exchange *x, struct call *c)
{
	static const sluice_str names[] = { { "grpc-status", 11 }, { "grpc-message", 12 },
		{ "grpc-status-details-bin", 23 } };
	c->n_head = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		sluice_str value = sluice_field(x, SLUICE_RESPONSE, names[i]);
		if (!value.data)
			continue;
		c->head[c->n_head++] = (sluice_pair){ names[i], value };
		sluice_field_remove(x, SLUICE_RESPONSE, names[i]);
	}
}

static sluice_verdict grpc_web_on_response(sluice_exchange *x, const void *conf)
{
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_STREAM,
		.max = 1 };
	struct call *c = sluice_state(x, sizeof(*c));
	sluice_str suffix;
	(void)conf;
	if (!c)
		return SLUICE_FAIL;
	if (!c->is_web)
		return SLUICE_NEXT;
	if (sluice_response_status(x) != 200 ||
		!wire_is_grpc(sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("content-type")),
			&suffix))
		return not_grpc(x, c);
	take_from_head(x, c);
	if (!suffix.len)
		suffix = SLUICE_STR("+proto");
	if (!set_type(x, SLUICE_RESPONSE,
		    c->text ? SLUICE_STR("application/grpc-web-text")
			    : SLUICE_STR("application/grpc-web"),
		    suffix))
		return SLUICE_FAIL;
	return sluice_body_want(x, SLUICE_RESPONSE, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

/* Write all of data as base64 at once, since the next message may come late. False: the memory is
 * used up. */
static bool write_text(sluice_exchange *x, sluice_str data)
{
	char out[PIECE / 3 * 4];
	while (data.len) {
		size_t n = data.len < PIECE ? data.len : PIECE;
		wire_encode((sluice_str){ data.data, n }, out);
		sluice_body_drop(x, n);
		data = (sluice_str){ data.data + n, data.len - n };
		if (!sluice_body_write(x, (sluice_str){ out, wire_encoded(n) }) && data.len)
			return false;
	}
	return true;
}

/* Remove the trailers, which are in the body now. */
static void remove_trailers(sluice_exchange *x)
{
	sluice_pair f;
	for (size_t i = 0; sluice_field_next(x, SLUICE_RESPONSE_TRAILERS, &i, &f);)
		sluice_field_remove(x, SLUICE_RESPONSE_TRAILERS, f.name);
}

static sluice_verdict grpc_web_on_response_body(sluice_exchange *x, const void *conf,
	sluice_str data, bool end)
{
	const struct call *c = sluice_state(x, sizeof(*c));
	(void)conf;
	if (!c)
		return SLUICE_FAIL;
	if (!c->text)
		sluice_body_pass(x, data.len);
	else if (!write_text(x, data))
		return SLUICE_NEXT; /* the data comes again */
	if (!end)
		return SLUICE_NEXT;
	sluice_str frame = frame_of(x, c->head, c->n_head, SLUICE_RESPONSE_TRAILERS, true);
	if (frame.data && c->text)
		frame = as_text(x, frame);
	if (!frame.data)
		return SLUICE_FAIL;
	(void)sluice_body_write(x, frame);
	remove_trailers(x);
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("grpc-web", .version = "1.0", .summary = "lets browsers call gRPC services",
	.options = grpc_web_options, .conf_size = sizeof(struct grpc_web), .check = grpc_web_check,
	.on_request = grpc_web_on_request, .on_request_body = grpc_web_on_request_body,
	.on_response = grpc_web_on_response, .on_response_body = grpc_web_on_response_body);
