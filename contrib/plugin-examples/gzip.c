/*
 * gzip: compresses texts for clients that take it, each piece as it passes (RFC 9110 8.4.1.3).
 * Shows a body that becomes another one, a slow client, state with a clean-up, a library (zlib).
 */
#define _GNU_SOURCE /* memmem */
#include <zlib.h>

#include <sluice/plugin.h>
#include <sluice/str.h>

enum { PIECE = 16 * 1024, WINDOW_GZIP = 15 + 16 };

struct gzip {
	sluice_strs types;
	uint64_t min_size, level;
};

#define G struct gzip
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, G, types,
		.def = "[text/html, text/css, text/plain, application/json, "
		       "application/javascript]",
		.doc = "media types that are compressed"),
	SLUICE_OPTION(SLUICE_T_SIZE, G, min_size, .def = "1KiB",
		.doc = "shorter bodies stay as they are, where their length is said"),
	SLUICE_OPTION(SLUICE_T_UINT, G, level, .def = "5", .min = "1", .max = "9",
		.doc = "how hard zlib tries"),
	SLUICE_OPTIONS_END,
};

static sluice_str response(sluice_exchange *x, const char *name)
{
	return sluice_field(x, SLUICE_RESPONSE, sluice_str_of(name));
}

/* Accept-Encoding has gzip, and not with q=0. */
static bool is_accepted(sluice_exchange *x)
{
	sluice_str rest = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("accept-encoding"));
	while (rest.len) {
		sluice_str weight = sluice_str_cut(&rest, ',');
		sluice_str coding = sluice_str_trim(sluice_str_cut(&weight, ';'));
		if (!sluice_str_ieq(coding, SLUICE_STR("gzip")))
			continue;
		weight = sluice_str_trim(weight);
		while (weight.len && strchr("0.", weight.data[weight.len - 1]))
			weight.len--;
		return !sluice_str_ieq(weight, SLUICE_STR("q="));
	}
	return false;
}

static bool is_of_type(const struct gzip *g, sluice_str type)
{
	sluice_str media = sluice_str_trim(sluice_str_cut(&type, ';'));
	for (size_t i = 0; i < g->types.n; i++) {
		if (sluice_str_ieq(media, g->types.v[i]))
			return true;
	}
	return false;
}

/* Whether the response is one that is compressed for clients that want it. */
static bool is_suitable(sluice_exchange *x, const struct gzip *g)
{
	uint64_t length = 0;
	sluice_str said = response(x, "content-length");
	bool is_short = said.data && sluice_str_u64(said, &length) && length < g->min_size;
	int status = sluice_response_status(x);
	sluice_str cache = response(x, "cache-control");
	return !is_short && status != 206 && !response(x, "content-encoding").data &&
		!(cache.data && memmem(cache.data, cache.len, "no-transform", 12)) &&
		is_of_type(g, response(x, "content-type"));
}

/* The bytes are others now: the tag holds for what they mean (RFC 9110 8.8.1). */
static void weaken_etag(sluice_exchange *x)
{
	sluice_str tag = response(x, "etag");
	char *weak = tag.len && tag.data[0] == '"' ? sluice_alloc(x, tag.len + 2) : NULL;
	if (!weak)
		return;
	(void)sluice_str_put(sluice_str_put(weak, SLUICE_STR("W/")), tag);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("ETag"), sluice_str_n(weak, tag.len + 2));
}

static void gzip_end(void *z)
{
	(void)deflateEnd(z);
}

static sluice_verdict gzip_on_response(sluice_exchange *x, const void *conf)
{
	const struct gzip *g = conf;
	const sluice_body_plan plan = { .size = sizeof(plan), .max = 1024 * 1024 };
	if (!is_suitable(x, g))
		return SLUICE_NEXT;
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("Vary"), SLUICE_STR("Accept-Encoding"));
	if (!is_accepted(x))
		return SLUICE_NEXT;
	z_stream *z = sluice_state(x, sizeof(*z));
	if (!z ||
		deflateInit2(z, (int)g->level, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) !=
			Z_OK)
		return SLUICE_FAIL;
	sluice_cleanup(x, gzip_end, z);
	weaken_etag(x);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Content-Encoding"), SLUICE_STR("gzip"));
	sluice_field_remove(x, SLUICE_RESPONSE, SLUICE_STR("Accept-Ranges"));
	return sluice_body_want(x, SLUICE_RESPONSE, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

/* One piece, with all that comes of it. False: the client is slow. */
static bool gzip_piece(sluice_exchange *x, z_stream *z, sluice_str piece, int flush)
{
	unsigned char out[PIECE];
	bool has_room = true;
	z->next_in = (unsigned char *)(uintptr_t)piece.data;
	z->avail_in = (unsigned)piece.len;
	do {
		z->next_out = out;
		z->avail_out = sizeof(out);
		(void)deflate(z, flush);
		has_room &=
			sluice_body_write(x, sluice_str_n((char *)out, sizeof(out) - z->avail_out));
	} while (z->avail_out == 0);
	sluice_body_drop(x, piece.len);
	return has_room;
}

static sluice_verdict gzip_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	z_stream *z = sluice_state(x, sizeof(*z));
	(void)conf;
	for (bool goes_on = z != NULL; goes_on;) {
		sluice_str piece = { data.data, data.len < PIECE ? data.len : PIECE };
		data = sluice_str_skip(data, piece.len);
		goes_on = gzip_piece(x, z, piece,
			data.len      ? Z_NO_FLUSH
				: end ? Z_FINISH
				      : Z_SYNC_FLUSH);
		goes_on &= data.len > 0;
	}
	return z ? SLUICE_NEXT : SLUICE_FAIL; /* what a slow client leaves comes again */
}

SLUICE_PLUGIN("gzip", .version = "1.0", .summary = "compress texts", .options = options,
	.conf_size = sizeof(struct gzip), .on_response = gzip_on_response,
	.on_response_body = gzip_on_body);
