/*
 * The line of the access log: whatever a stranger sent, it is one line; as JSON it is one JSON
 * object, whose members have the values that went in where these were plain; in the other formats
 * it has as many fields as it should. What must not be logged is not there: values of parameters
 * that carry credentials by their name, and with `query: drop` all of the query. A record on its
 * way to a log sink makes the same line, and has its members as fields; bytes that are no record
 * are not read as one.
 */
#include "heap.h"
#include "input.h"
#include "obs/access_image.h"
#include "reach.h"

#define json_null jansson_null /* base/json.h has one too */
#include <jansson.h>
#undef json_null

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { QUERY_ROOM = 8192, LISTS = 40 };

/* A value that stands nowhere else. */
#define SECRET "hUnTeR2-9e1f"

struct text {
	char buf[QUERY_ROOM];
	size_t n;
};

static struct text query, referer;
static sluice_str notes[LISTS];

static void text_add(struct text *t, sluice_str s)
{
	if (t->n + s.len > sizeof(t->buf))
		return;
	memcpy(t->buf + t->n, s.data, s.len);
	t->n += s.len;
}

/* Parameters, some of which are secret, in a query of any length, between anything. True: a secret
 * is in it. */
static bool make_query(struct text *t, struct input *in)
{
	static const sluice_str names[] = { { "access_token", 12 }, { "code", 4 },
		{ "Password", 8 }, { "client_secret", 13 }, { "SIG", 3 }, { "id_token", 8 },
		{ "api-key", 7 }, { "q", 1 } };
	static const sluice_str secret = { SECRET, sizeof(SECRET) - 1 };
	bool has = false;
	for (unsigned n = input_below(in, 12); n; n--) {
		unsigned how = input_byte(in);
		sluice_str any = input_bytes(in);
		if (how & 8) {
			for (unsigned i = 0; i < how / 16; i++)
				text_add(t, any);
		} else if ((how & 7) == 7) {
			text_add(t, names[7]);
			text_add(t, STR("="));
			text_add(t, any);
		} else {
			text_add(t, names[how & 7]);
			text_add(t, STR("="));
			text_add(t, secret);
			has = true;
		}
		text_add(t, STR("&"));
	}
	return has;
}

/* A text the length of which may be beyond what is written of one. */
static sluice_str take_text(struct input *in)
{
	static char room[8][QUERY_ROOM];
	static unsigned at;
	sluice_str s = input_bytes(in);
	unsigned times = input_byte(in);
	if (times < 240 || s.len == 0)
		return s;
	at = (at + 1) % 8;
	size_t n = 0;
	for (; n + s.len <= QUERY_ROOM; n += s.len)
		memcpy(room[at] + n, s.data, s.len);
	REACH("a text that is cut");
	return str_n(room[at], n);
}

static void make_notes(struct access_record *r, struct input *in)
{
	size_t n = input_below(in, LISTS);
	for (size_t i = 0; i < n; i++)
		notes[i] = input_bytes(in);
	r->notes = (sluice_strs){ notes, n };
}

/* True: a secret is in the query or in the referring page's. */
static bool make_record(struct access_record *r, struct input *in)
{
	sluice_str *const texts[] = { &r->request_id, &r->client, &r->listener, &r->route, &r->peer,
		&r->method, &r->host, &r->path, &r->upstream, &r->server, &r->reason, &r->consumer,
		&r->tls, &r->trace_id, &r->user_agent };
	bool has;
	*r = (struct access_record){ .status = (uint16_t)(input_byte(in) * 4),
		.version = (uint8_t)input_byte(in),
		.tries = (uint8_t)input_byte(in),
		.unix_ms = (uint64_t)input_byte(in) << (input_byte(in) % 56),
		.bytes_out = (uint64_t)INT64_MAX >> (input_byte(in) % 63),
		.has_grpc_status = input_byte(in) & 1 };
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = take_text(in);
	query.n = referer.n = 0;
	has = make_query(&query, in);
	r->query = str_n(query.buf, query.n);
	text_add(&referer, input_bytes(in));
	if (input_byte(in) & 1) {
		text_add(&referer, STR("?"));
		has |= make_query(&referer, in);
	}
	r->referer = str_n(referer.buf, referer.n);
	make_notes(r, in);
	return has;
}

/* Text that anybody wrote may hold the secret by itself. */
static bool texts_hold_secret(const uint8_t *data, size_t size)
{
	return memmem(data, size, SECRET, sizeof(SECRET) - 1) != NULL;
}

static void check_member(const json_t *doc, const char *name, sluice_str want)
{
	const json_t *v = json_object_get(doc, name);
	bool plain = want.len > 0 && want.len <= 64;
	for (size_t i = 0; plain && i < want.len; i++)
		plain = want.data[i] >= ' ' && want.data[i] < 0x7f;
	check(!want.len == !v, "%s is %s", name, v ? "there" : "missing");
	check(!v || json_is_string(v), "%s is no string", name);
	check(!plain || str_eq(str_n(json_string_value(v), json_string_length(v)), want),
		"%s is another", name);
	REACH_IF(plain, "a plain member");
}

static void check_json(const struct access_record *r, const char *line, size_t n)
{
	json_error_t e;
	json_t *doc = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
	if (!doc) /* attributes of one name are the plugins' business */
		doc = json_loadb(line, n, JSON_ALLOW_NUL, &e);
	check(doc, "no JSON: %s at byte %d", e.text, e.position);
	check_member(doc, "method", r->method);
	check_member(doc, "host", r->host);
	check_member(doc, "user_agent", r->user_agent);
	check_member(doc, "consumer", r->consumer);
	check((uint64_t)json_integer_value(json_object_get(doc, "status")) == r->status,
		"status %u is another", r->status);
	for (size_t i = 0; i < n; i++)
		check((unsigned char)line[i] >= ' ' && line[i] != 0x7f, "a control byte, 0x%02x",
			(unsigned char)line[i]);
	json_decref(doc);
}

/* client - consumer [time zone] "request" status bytes, and "referer" "agent". */
static void check_clf(const char *line, size_t n, bool combined)
{
	unsigned quotes = 0, blanks = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)line[i];
		check(c >= ' ' && c < 0x7f, "byte 0x%02x", c);
		quotes += c == '"';
		blanks += c == ' ' && quotes % 2 == 0;
	}
	check(quotes == (combined ? 6u : 2u), "%u quotes", quotes);
	check(blanks == (combined ? 9u : 7u), "%u blanks between fields", blanks);
}

static void check_line(const struct access_conf *conf, const struct access_record *r, bool secret)
{
	static char line[ACCESS_LINE_MAX], small[ACCESS_LINE_MAX];
	size_t n = access_line(conf, r, line, sizeof(line));
	check(n > 1 && n <= sizeof(line), "a line of %zu bytes", n);
	check(memchr(line, '\n', n) == line + n - 1, "not %s line", "one");
	n--;
	if (conf->format == ACCESS_JSON)
		check_json(r, line, n);
	else
		check_clf(line, n, conf->format == ACCESS_COMBINED);
	check(!secret || !memmem(line, n, SECRET, sizeof(SECRET) - 1), "a secret in: %.*s", (int)n,
		line);
	REACH_IF(secret, "a secret in a query");
	REACH_IF(n > 16000, "a long line");
	size_t got = access_line(conf, r, small, n); /* a byte too few */
	check(got <= n, "%zu bytes in room for %zu", got, n);
}

/* What a sink gets is what the line says. */
static void check_record(const struct access_conf *conf, const struct access_record *r, bool secret)
{
	static char image[ACCESS_IMAGE_MAX], line[ACCESS_LINE_MAX], own[ACCESS_LINE_MAX],
		room[ACCESS_FIELDS_ROOM];
	static struct access_room texts;
	struct access_record masked;
	struct access_image_read got;
	sluice_log_field fields[ACCESS_FIELDS];
	access_mask(conf, r, &masked, &texts);
	size_t n = access_image_write(conf, &masked, image, sizeof(image));
	check(n, "%s", "a record does not fit");
	check(!access_image_write(conf, &masked, own, n - 1), "%s", "a record in too little room");
	check(access_image_read(str_n(image, n), &got) == n, "a record of %zu bytes is not read",
		n);
	check(got.format == (enum access_format)conf->format, "%s", "another format");
	size_t want = access_line(conf, r, line, sizeof(line));
	size_t made = access_masked_line(got.format, &got.record, own, sizeof(own));
	check(want == made && memcmp(line, own, made) == 0, "%s", "another line");
	size_t f = access_fields_of(&got.record, fields, room);
	check(f && f <= ACCESS_FIELDS, "%zu fields", f);
	for (size_t i = 0; secret && i < f; i++)
		check(!fields[i].text.len ||
				!memmem(fields[i].text.data, fields[i].text.len, SECRET,
					sizeof(SECRET) - 1),
			"a secret in %s", fields[i].name);
	for (size_t cut = 0; cut < n; cut += 1 + n / 64)
		check(!access_image_read(str_n(image, cut), &got), "%zu of %zu bytes are read", cut,
			n);
}

static void check_bytes(const uint8_t *data, size_t size)
{
	struct access_image_read got;
	size_t n = access_image_read(str_n((const char *)data, size), &got);
	check(n <= size, "%zu of %zu bytes were read", n, size);
	REACH_IF(n == 0, "bytes that are no record");
}

static void run(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct access_record r;
	bool known = texts_hold_secret(data, size);
	bool secret = make_record(&r, &in) && !known;
	check_bytes(data, size);
	for (int format = ACCESS_JSON; format <= ACCESS_COMBINED; format++) {
		for (int drop = 0; drop < 2; drop++) {
			struct access_conf conf = { .format = format,
				.query = drop ? ACCESS_QUERY_DROP : ACCESS_QUERY_KEEP };
			check_line(&conf, &r, secret);
			check_record(&conf, &r, secret);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
