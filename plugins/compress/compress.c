/*
 * compress: compresses responses by zstd, brotli or gzip, as the client likes, while they pass.
 * accept.c reads what the client takes, suit.c which responses are compressed, pool.c keeps the
 * coders; gzip.c, brotli.c and zstd.c are the coders.
 */
#include <sluice/str.h>
#include <stdio.h>

#include "accept.h"
#include "pool.h"
#include "suit.h"

enum {
	/* Of a body whose length is known, pieces of that many bytes come from a server that is
	 * fast: more will follow at once, and need not be flushed for. */
	FAST = 8 * 1024
};

static const sluice_option level_options[] = {
	SLUICE_OPTION(SLUICE_T_UINT, struct levels, zstd, .def = "3", .min = "1", .max = "9",
		.doc = "level of zstd"),
	SLUICE_OPTION(SLUICE_T_UINT, struct levels, br, .def = "4", .min = "1", .max = "9",
		.doc = "quality of brotli"),
	SLUICE_OPTION(SLUICE_T_UINT, struct levels, gzip, .def = "5", .min = "1", .max = "9",
		.doc = "level of gzip"),
	SLUICE_OPTIONS_END,
};

static const sluice_option compress_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct compress, encodings, .min = "1", .max = "3",
		.doc = "content codings to use, the one to prefer first: zstd, br, gzip; the "
		       "client's "
		       "weights go before this order; left out: all that Sluice was built with, in "
		       "that order"),
	SLUICE_OPTION(SLUICE_T_STRS, struct compress, types, .min = "1", .max = "256",
		.def = "[text/html, text/plain, text/css, text/csv, text/xml, text/javascript, "
		       "text/markdown, application/json, application/*+json, "
		       "application/x-ndjson, application/javascript, application/xml, "
		       "application/*+xml, application/wasm, image/svg+xml, font/ttf, font/otf]",
		.doc = "media types to compress; a subtype may be * or *+suffix; parameters are "
		       "not looked at"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct compress, min_size, .def = "1KiB", .max = "1GiB",
		.doc = "bodies whose Content-Length is less stay as they are"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct compress, level, .flags = SLUICE_F_SUBOBJECT,
		.sub = level_options, .doc = "how hard each coding tries: 1 is fast, 9 is small"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct compress, memory, .def = "64MiB", .min = "4MiB",
		.max = "16GiB",
		.doc = "largest amount of memory for compressing, for each worker; responses "
		       "beyond "
		       "it are not compressed"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct compress, strip_accept_encoding, .def = "false",
		.doc = "whether to remove Accept-Encoding from the request, so that the upstream "
		       "does not compress"),
	SLUICE_OPTIONS_END,
};

/* A response that is being compressed; zeroed: none is. */
struct job {
	struct accept accept;
	const struct compress *conf;
	struct pool *pool;
	struct coder *coder;
	uint64_t in, out; /* bytes so far */
	bool is_flushed;  /* after each piece, whatever its size */
	bool is_registered;
};

/* ---- configuration ------------------------------------------------------------------------- */

static int check_types(sluice_instance *inst, sluice_strs types)
{
	int rc = 0;
	for (size_t i = 0; i < types.n; i++) {
		char path[32];
		const char *why = suit_type_refused(types.v[i]);
		if (!why)
			continue;
		(void)snprintf(path, sizeof(path), "types[%zu]", i);
		sluice_conf_error(inst, path, "\"%.*s\" %s", (int)types.v[i].len, types.v[i].data,
			why);
		sluice_conf_hint(inst,
			"write type/subtype without parameters: text/html, text/*, "
			"application/*+json");
		rc = -1;
	}
	return rc;
}

/* The coder of that name. NULL: there is none, which was reported. */
static const struct coder_ops *find_coder(sluice_instance *inst, const char *path, sluice_str name,
	const struct coder_ops *const all[CODINGS])
{
	static const char *const names[CODINGS] = { "zstd", "br", "gzip" };
	for (size_t i = 0; i < CODINGS; i++) {
		if (!sluice_str_is(name, names[i]))
			continue;
		if (!all[i]) {
			sluice_conf_error(inst, path, "Sluice was built without %s", names[i]);
			sluice_conf_hint(inst,
				"take it out of the list, or build with its library");
		}
		return all[i];
	}
	sluice_conf_error(inst, path, "\"%.*s\" is no coding that this plugin has", (int)name.len,
		name.data);
	sluice_conf_hint(inst, "zstd, br, gzip");
	return NULL;
}

static bool is_listed(const struct compress *c, const struct coder_ops *ops)
{
	for (size_t i = 0; i < c->n_order; i++) {
		if (c->order[i] == ops)
			return true;
	}
	return false;
}

static int check_encodings(sluice_instance *inst, struct compress *c)
{
	const struct coder_ops *const all[CODINGS] = { coder_zstd(), coder_brotli(), &coder_gzip };
	int rc = 0;
	for (size_t i = 0; i < CODINGS && !c->encodings.n; i++) {
		if (all[i])
			c->order[c->n_order++] = all[i];
	}
	for (size_t i = 0; i < c->encodings.n; i++) {
		char path[32];
		(void)snprintf(path, sizeof(path), "encodings[%zu]", i);
		const struct coder_ops *ops = find_coder(inst, path, c->encodings.v[i], all);
		bool is_twice = ops && is_listed(c, ops);
		if (is_twice)
			sluice_conf_error(inst, path, "%.*s is in the list already",
				(int)c->encodings.v[i].len, c->encodings.v[i].data);
		if (ops && !is_twice)
			c->order[c->n_order++] = ops;
		else
			rc = -1;
	}
	return rc;
}

static int declare(sluice_instance *inst, struct compress *c)
{
	const sluice_metric_desc counters[] = {
		{ .size = sizeof(counters[0]),
			.name = "responses",
			.help = "Responses that were compressed to their end.",
			.label = "encoding" },
		{ .size = sizeof(counters[0]),
			.name = "input_bytes",
			.help = "Bytes of these responses before they were compressed.",
			.label = "encoding" },
		{ .size = sizeof(counters[0]),
			.name = "output_bytes",
			.help = "Bytes of these responses as they were sent.",
			.label = "encoding" },
		{ .size = sizeof(counters[0]),
			.name = "memory_full",
			.help = "Responses that were not compressed because the memory was used "
				"up." },
		{ .size = sizeof(counters[0]),
			.kind = SLUICE_METRIC_GAUGE,
			.name = "memory_bytes",
			.help = "Memory that is held for compressing." },
	};
	const sluice_metric **out[] = { &c->responses, &c->input, &c->output, &c->full, &c->held };
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		*out[i] = sluice_metric_declare(inst, &counters[i]);
		if (!*out[i])
			return -1;
	}
	return 0;
}

static int compress_check(sluice_instance *inst, void *conf)
{
	struct compress *c = conf;
	const char *why;
	int rc = check_types(inst, c->types);
	if (check_encodings(inst, c) < 0)
		rc = -1;
	c->level_of[CODING_ZSTD] = (unsigned)c->level.zstd;
	c->level_of[CODING_BR] = (unsigned)c->level.br;
	c->level_of[CODING_GZIP] = (unsigned)c->level.gzip;
	c->accept = sluice_expr_compile(inst, SLUICE_STR("header:accept-encoding"), &why);
	if (!c->accept || declare(inst, c) < 0)
		rc = -1;
	return rc;
}

static int compress_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	struct pool *p = state;
	(void)inst;
	p->conf = conf;
	return 0;
}

static void compress_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	(void)inst;
	(void)conf;
	pool_fini(state);
}

/* ---- the request --------------------------------------------------------------------------- */

static sluice_verdict compress_on_request(sluice_exchange *x, const void *conf)
{
	const struct compress *c = conf;
	sluice_str said;
	sluice_reading r = sluice_expr_read(x, c->accept, &said);
	if (r == SLUICE_READ_FAIL)
		return SLUICE_FAIL;
	if (r == SLUICE_READ_NONE ||
		suit_has_no_transform(sluice_field(x, SLUICE_REQUEST, SLUICE_STR("cache-control"))))
		return SLUICE_NEXT;
	struct job *j = sluice_state(x, sizeof(*j));
	if (!j)
		return SLUICE_FAIL;
	j->accept = accept_read(said);
	if (c->strip_accept_encoding)
		sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("Accept-Encoding"));
	return SLUICE_NEXT;
}

/* ---- the response's head ------------------------------------------------------------------- */

/* The coder is free for another response. */
static void job_end(void *job)
{
	struct job *j = job;
	if (j->coder)
		pool_give(j->pool, j->coder);
	j->coder = NULL;
}

/* Find a coder for the response. False: it stays as it is. */
static bool job_take(sluice_exchange *x, struct job *j, const struct compress *c)
{
	const struct coder_ops *liked[CODINGS];
	size_t n = accept_choose(&j->accept, c->order, c->n_order, liked);
	j->conf = c;
	j->pool = sluice_worker_state(x);
	for (size_t i = 0; i < n && !j->coder; i++)
		j->coder = pool_take(j->pool, liked[i]);
	if (n && !j->coder) {
		sluice_metric_add(c->full, SLUICE_STR_NONE, 1);
		sluice_note(x, "compress-memory-full");
	}
	return j->coder != NULL;
}

/* When the exchange's memory is spent, the host calls job_end() at once. */
static bool job_register(sluice_exchange *x, struct job *j)
{
	if (!j->is_registered)
		sluice_cleanup(x, job_end, j);
	j->is_registered = true;
	return j->coder != NULL;
}

static bool is_safe(sluice_exchange *x)
{
	sluice_str method = sluice_get(x, SLUICE_I_METHOD);
	return sluice_str_is(method, "GET") || sluice_str_is(method, "HEAD");
}

static sluice_verdict job_begin(sluice_exchange *x, struct job *j, sluice_str etag)
{
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_STREAM,
		.max = CODER_PIECE };
	if (!job_register(x, j))
		return SLUICE_FAIL;
	j->in = j->out = 0;
	/* what may fail comes first: a response that is skipped by on_error stays as it was. The
	 * ETag in the answer to a PUT is not that of its body, and clients need it to be strong */
	if ((is_safe(x) && !suit_weaken(x, etag)) || !sluice_body_want(x, SLUICE_RESPONSE, &plan))
		return SLUICE_FAIL;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Content-Encoding"), j->coder->ops->name);
	sluice_field_remove(x, SLUICE_RESPONSE, SLUICE_STR("Accept-Ranges"));
	return SLUICE_NEXT;
}

/* A 304 has the Vary and the ETag that the 200 would have (RFC 9110 15.4.5). */
static sluice_verdict not_modified(sluice_exchange *x, const struct compress *c)
{
	sluice_str type = sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("content-type"));
	if (type.len && !suit_is_type(c->types, type))
		return SLUICE_NEXT;
	struct suit_head h = suit_read(x);
	suit_vary(x, &h);
	return suit_asks_weak(x, h.etag) && !suit_weaken(x, h.etag) ? SLUICE_FAIL : SLUICE_NEXT;
}

/* Whether a body of that Content-Length is too short, for a client that takes it as it is. */
static bool is_short(sluice_str length, const struct compress *c, const struct accept *a)
{
	const struct coder_ops *liked[CODINGS];
	uint64_t n;
	if (!length.data || !sluice_str_u64(length, &n))
		return false;
	if (n == 0 || n >= c->min_size)
		return n == 0;
	/* else the client has refused it: identity;q=0 */
	return a->identity || !accept_choose(a, c->order, c->n_order, liked);
}

static sluice_verdict compress_on_response(sluice_exchange *x, const void *conf)
{
	const struct compress *c = conf;
	int status = sluice_response_status(x);
	if (status == 304)
		return not_modified(x, c);
	if (status == 204 || status == 205 ||
		!suit_is_type(c->types,
			sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("content-type"))))
		return SLUICE_NEXT;
	struct job *j = sluice_state(x, sizeof(*j));
	sluice_str length = sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("content-length"));
	if (!j)
		return SLUICE_FAIL;
	job_end(j); /* this response may stand in the place of another one */
	if (status != 206 && is_short(length, c, &j->accept))
		return SLUICE_NEXT;
	struct suit_head h = suit_read(x);
	if (h.is_encoded || h.is_sealed)
		return SLUICE_NEXT;
	suit_vary(x, &h);
	if (h.is_partial || !job_take(x, j, c))
		return SLUICE_NEXT;
	j->is_flushed = !length.data;
	return job_begin(x, j, h.etag);
}

/* ---- the response's body ------------------------------------------------------------------- */

enum piece_result { PIECE_ROOM, PIECE_FULL, PIECE_FAILED };

/* Compress one piece, and take it off. */
static enum piece_result piece_write(sluice_exchange *x, struct job *j, sluice_str piece,
	enum coder_op op)
{
	char out[CODER_PIECE];
	struct coder_io io = { .in = piece, .out = out, .room = sizeof(out) };
	enum coder_result r = CODER_AGAIN;
	bool has_room = true;
	while (r == CODER_AGAIN) {
		io.n = 0;
		r = j->coder->ops->step(j->coder, op, &io);
		/* these bytes are taken in any case */
		has_room &= !io.n || sluice_body_write(x, sluice_str_n(out, io.n));
		j->out += io.n;
	}
	if (r == CODER_FAILED)
		return PIECE_FAILED;
	sluice_body_drop(x, piece.len);
	j->in += piece.len;
	return has_room ? PIECE_ROOM : PIECE_FULL;
}

static void job_count(struct job *j)
{
	const struct compress *c = j->conf;
	sluice_str name = j->coder->ops->name;
	sluice_metric_add(c->responses, name, 1);
	sluice_metric_add(c->input, name, (int64_t)j->in);
	sluice_metric_add(c->output, name, (int64_t)j->out);
	job_end(j);
}

static sluice_verdict compress_on_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	struct job *j = sluice_state(x, sizeof(*j));
	enum piece_result r = PIECE_ROOM;
	(void)conf;
	if (!j || !j->coder)
		return SLUICE_FAIL;
	enum coder_op last = end                   ? CODER_END
		: j->is_flushed || data.len < FAST ? CODER_FLUSH
						   : CODER_MORE;
	for (bool is_last = false; r == PIECE_ROOM && !is_last;) {
		is_last = data.len <= CODER_PIECE;
		sluice_str piece = { data.data, is_last ? data.len : CODER_PIECE };
		data = sluice_str_skip(data, piece.len);
		r = piece_write(x, j, piece, is_last ? last : CODER_MORE);
		if (is_last && end && r != PIECE_FAILED)
			job_count(j);
	}
	/* what a slow client leaves is shown again */
	return r == PIECE_FAILED ? SLUICE_FAIL : SLUICE_NEXT;
}

SLUICE_PLUGIN("compress", .version = "1.0",
	.summary = "compresses responses by zstd, brotli or gzip", .options = compress_options,
	.conf_size = sizeof(struct compress), .check = compress_check,
	.worker_size = sizeof(struct pool), .worker_start = compress_worker_start,
	.worker_stop = compress_worker_stop, .on_request = compress_on_request,
	.on_response = compress_on_response, .on_response_body = compress_on_body);
