/* obs/access_image and the fields of records: what a log sink gets is what the line says. */
#include "obs/access_image.h"

#include <stdio.h>

#define json_null jansson_null /* base/json.h has one too */
#include <jansson.h>
#undef json_null

#include "unit.h"

static const sluice_str notes[] = { { "limit-store-down", 16 }, { "stale-keys", 10 } };

/* Everything that a line can have. */
static struct access_record whole(void)
{
	return (struct access_record){
		.request_id = STR("7f3a"),
		.client = STR("192.0.2.7"),
		.peer = STR("10.0.0.1"),
		.listener = STR("public"),
		.route = STR("orders"),
		.method = STR("GET"),
		.host = STR("api.example.com"),
		.path = STR("/v1/orders/7"),
		.query = STR("a=1&access_token=secret"),
		.rewritten_path = STR("/orders/7"),
		.rewritten_query = STR("b=2&password=secret"),
		.user_agent = STR("curl/8.5 \"\\"),
		.referer = STR("https://u:secret@example.com/"),
		.upstream = STR("orders"),
		.server = STR("10.0.0.5:9000"),
		.reason = STR("upstream-timeout"),
		.detail = STR("no head"),
		.consumer = STR("alice"),
		.tls = STR("TLSv1.3"),
		.trace_id = STR("4bf92f35"),
		.notes = { notes, 2 },
		.unix_ms = 1719835200042,
		.duration_us = 1250,
		.connect_us = 300,
		.response_us = 1100,
		.bytes_in = 120,
		.bytes_out = UINT64_C(1) << 53,
		.status = 504,
		.grpc_status = 14,
		.has_grpc_status = true,
		.version = 11,
		.tries = 2,
	};
}

/* Over the image, as to a sink. */
struct sent {
	char image[ACCESS_IMAGE_MAX], texts[ACCESS_FIELDS_ROOM], line[ACCESS_LINE_MAX];
	struct access_room room;
	struct access_image_read got;
	sluice_log_field v[ACCESS_FIELDS];
	size_t n;
};

static struct sent *send_record(const struct access_record *r, const struct access_conf *conf)
{
	static struct sent s;
	struct access_record masked;
	access_mask(conf, r, &masked, &s.room);
	size_t n = access_image_write(conf, &masked, s.image, sizeof(s.image));
	assert_int_not_equal(n, 0);
	assert_int_equal(access_image_read(str_n(s.image, n), &s.got), n);
	s.n = access_fields_of(&s.got.record, s.v, s.texts);
	return &s;
}

static void assert_same(const sluice_log_field *f, const json_t *said)
{
	char list[256];
	assert_non_null(said);
	switch (f->kind) {
	case SLUICE_LOG_IS_NUMBER:
		assert_int_equal(f->number, json_integer_value(said));
		(void)snprintf(list, sizeof(list), "%lld", (long long)f->number);
		assert_int_equal(f->text.len, strlen(list));
		assert_memory_equal(f->text.data, list, f->text.len);
		break;
	case SLUICE_LOG_IS_MS:
		assert_true(f->number == (int64_t)(json_number_value(said) * 1000 + 0.5));
		break;
	case SLUICE_LOG_IS_LIST:
		(void)snprintf(list, sizeof(list), "%s,%s",
			json_string_value(json_array_get(said, 0)),
			json_string_value(json_array_get(said, 1)));
		assert_int_equal(json_array_size(said), 2);
		assert_memory_equal(f->text.data, list, f->text.len);
		break;
	default:
		assert_int_equal(f->text.len, json_string_length(said));
		assert_memory_equal(f->text.data, json_string_value(said), f->text.len);
	}
}

TEST(fields_are_the_members_of_the_line)
{
	const struct access_conf conf = { .format = ACCESS_JSON };
	const struct access_record r = whole();
	struct sent *s = send_record(&r, &conf);
	size_t n = access_line(&conf, &r, s->line, sizeof(s->line));
	json_t *doc = json_loadb(s->line, n, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(doc);
	assert_int_equal(json_object_size(doc), s->n);
	assert_int_equal(s->n, 31); /* all that there are */
	assert_true(s->n <= ACCESS_FIELDS);
	void *at = json_object_iter(doc); /* in the order of the line */
	for (size_t i = 0; i < s->n; i++, at = json_object_iter_next(doc, at)) {
		assert_string_equal(s->v[i].name, json_object_iter_key(at));
		assert_same(&s->v[i], json_object_iter_value(at));
	}
	assert_int_equal(s->v[0].kind, SLUICE_LOG_IS_TIME);
	assert_true(s->v[0].number == 1719835200042);
	json_decref(doc);
}

TEST(secrets_do_not_come_along)
{
	for (int query = ACCESS_QUERY_KEEP; query <= ACCESS_QUERY_DROP; query++) {
		const struct access_conf conf = { .query = query };
		const struct access_record r = whole();
		struct sent *s = send_record(&r, &conf);
		assert_null(memmem(s->image, sizeof(s->image), "secret", 6));
		bool has_query = false;
		for (size_t i = 0; i < s->n; i++)
			has_query |= strcmp(s->v[i].name, "query") == 0;
		assert_int_equal(has_query, query == ACCESS_QUERY_KEEP);
	}
}

TEST(what_has_no_value_is_left_out)
{
	const struct access_conf conf = { .format = ACCESS_COMMON };
	const struct access_record r = { .client = STR("c"), .peer = STR("c"), .tries = 0 };
	struct sent *s = send_record(&r, &conf);
	static const char *const names[] = { "time", "client", "status", "bytes_in", "bytes_out",
		"duration_ms" };
	assert_int_equal(s->n, 6);
	for (size_t i = 0; i < s->n; i++)
		assert_string_equal(s->v[i].name, names[i]);
	assert_int_equal(s->got.format, ACCESS_COMMON);
}

/* The longest record has room, is cut between characters, and makes the line of the file. */
TEST(long_texts)
{
	static char umlauts[8192];
	static sluice_str many[64];
	for (size_t i = 0; i < sizeof(umlauts); i += 2)
		memcpy(umlauts + i, "\xc3\xa4", 2);
	umlauts[0] = umlauts[1] = '/'; /* an even length is no longer between characters */
	const sluice_str t = { umlauts + 1, sizeof(umlauts) - 1 };
	for (size_t i = 0; i < 64; i++)
		many[i] = t;
	for (int format = ACCESS_JSON; format <= ACCESS_COMMON; format++) {
		const struct access_conf conf = { .format = format };
		struct access_record r = whole();
		r.request_id = r.client = r.peer = r.listener = r.route = r.method = r.host = t;
		r.path = r.query = r.rewritten_path = r.rewritten_query = r.user_agent = t;
		r.referer = r.upstream = r.server = r.reason = r.detail = r.consumer = t;
		r.tls = r.trace_id = t;
		r.notes = r.failures = (sluice_strs){ many, 64 };
		struct sent *s = send_record(&r, &conf);
		size_t n = access_line(&conf, &r, s->line, sizeof(s->line));
		static char own[ACCESS_LINE_MAX];
		size_t made = access_masked_line(s->got.format, &s->got.record, own, sizeof(own));
		assert_int_equal(made, n);
		assert_memory_equal(own, s->line, n);
		for (size_t i = 0; i < s->n; i++) {
			if (strcmp(s->v[i].name, "path") == 0)
				assert_int_equal(s->v[i].text.len, 2047);
		}
	}
}

/* What a line leaves out is decided by the whole texts, and not by what an image keeps of them. */
TEST(texts_that_differ_behind_what_is_kept)
{
	static char client[4096], peer[4096], own[ACCESS_LINE_MAX];
	const struct access_conf conf = { .format = ACCESS_JSON };
	struct access_record r = whole();
	memset(client, 'a', sizeof(client));
	memset(peer, 'a', sizeof(peer) - 1);
	r.client = str_n(client, sizeof(client));
	r.peer = str_n(peer, sizeof(peer));
	struct sent *s = send_record(&r, &conf);
	size_t n = access_line(&conf, &r, s->line, sizeof(s->line));
	size_t made = access_masked_line(s->got.format, &s->got.record, own, sizeof(own));
	assert_int_equal(made, n);
	assert_memory_equal(own, s->line, n);
	assert_non_null(memmem(own, n, "\"peer\":", 7));
}

TEST(room_and_broken_images)
{
	const struct access_conf conf = { .format = ACCESS_JSON };
	const struct access_record r = whole();
	struct sent *s = send_record(&r, &conf);
	struct access_record again = s->got.record;
	size_t n = access_image_write(&conf, &again, s->line, sizeof(s->line));
	struct access_image_read got = { .format = ACCESS_COMMON };
	for (size_t room = 0; room < n; room++) {
		assert_int_equal(access_image_write(&conf, &again, s->texts, room), 0);
		assert_int_equal(access_image_read(str_n(s->line, room), &got), 0);
	}
	/* a length within it that is not right */
	for (size_t i = 0; i < 64; i++) {
		char broken[ACCESS_IMAGE_MAX];
		memcpy(broken, s->line, n);
		broken[i] ^= 0x40;
		(void)access_image_read(str_n(broken, n), &got);
	}
	memset(s->line, 0xff, n);
	assert_int_equal(access_image_read(str_n(s->line, n), &got), 0);
}
