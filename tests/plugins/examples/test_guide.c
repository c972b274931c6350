/* Snippets of docs/plugins/authoring.md that belong to no example: a plugin that answers from a
 * cache, and asks a service about the other requests, with their bodies. */
#include "kit.h"
#include "test.h"

#define URL "http://auth.example/"

struct auth {
	sluice_str url;
};

static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct auth, url, .doc = "the service that decides"),
	SLUICE_OPTIONS_END,
};

struct entry {
	int status;
	const sluice_pair *fields;
	size_t n_fields;
	const char *body;
	size_t body_len;
	unsigned refs;
};

static const sluice_pair cached_fields[] = { { SLUICE_STR("ETag"), SLUICE_STR("\"e\"") },
	{ SLUICE_STR("Set-Cookie"), SLUICE_STR("a=1") },
	{ SLUICE_STR("Set-Cookie"), SLUICE_STR("b=2") } };
static struct entry cached = { 200, cached_fields, 3, "of the cache", 12, 0 };

static struct entry *entry_ref(struct entry *e)
{
	e->refs++;
	return e;
}

static void entry_unref(void *arg)
{
	struct entry *e = arg;
	e->refs--;
}

static sluice_verdict answer_from(sluice_exchange *x, struct entry *e)
{
	const sluice_answer a = { .size = sizeof(a),
		.status = e->status,
		.headers = { e->fields, e->n_fields },
		.body = { e->body, e->body_len },
		.release = entry_unref,
		.arg = entry_ref(e) };
	return sluice_answer_with(x, &a);
}

static sluice_verdict answered(sluice_exchange *x, const void *conf, const sluice_fetch_response *r)
{
	(void)conf;
	if (r->status != SLUICE_OK || r->code != 200)
		return sluice_refuse(x, 403, "not-allowed", "The service has refused this.");
	return SLUICE_NEXT;
}

static sluice_verdict came(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	const struct auth *a = conf;
	const sluice_fetch_request r = { .size = sizeof(r),
		.method = SLUICE_STR("POST"),
		.url = a->url,
		.body = data };
	return end ? sluice_fetch(x, &r, answered) : SLUICE_FAIL;
}

static sluice_verdict wait_for_it(sluice_exchange *x)
{
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.max = 65536,
		.read_only = true };
	return sluice_body_wait(x, &plan, came);
}

static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_str path = sluice_get(x, SLUICE_I_PATH);
	return path.len == 7 ? answer_from(x, &cached) : wait_for_it(x);
}

SLUICE_PLUGIN("guide", .options = options, .conf_size = sizeof(struct auth),
	.on_request = on_request);

static sluice_instance *i;

static int begin(void **state)
{
	(void)state;
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "url", URL, NULL);
	kit_start(i);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kit_stop(i);
	return 0;
}

TEST_WITH(an_answer_from_a_cache, begin, end)
{
	sluice_exchange *x = kit_request(i, "GET", "/cached", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 200);
	assert_string_equal(kit_body(x), "of the cache");
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Set-Cookie"), 2);
	assert_int_equal(cached.refs, 1);
	kit_end(x);
	assert_int_equal(cached.refs, 0);
}

TEST_WITH(a_service_decides_with_the_body, begin, end)
{
	kit_fetch_answer(URL, 200, "");
	sluice_exchange *x = kit_request(i, "POST", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	assert_int_equal(kit_fetches(URL), 0);
	assert_int_equal(kit_body_in(x, SLUICE_REQUEST, "bo", 2, false), SLUICE_WAIT);
	assert_int_equal(kit_body_in(x, SLUICE_REQUEST, "dy", 2, true), SLUICE_WAIT);
	assert_int_equal(kit_fetches(URL), 1);
	kit_advance(10);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_body_out(x, SLUICE_REQUEST, NULL), "body");
	kit_end(x);

	kit_fetch_answer(URL, 401, "");
	x = kit_request(i, "POST", "/", NULL);
	assert_int_equal(kit_body_in(x, SLUICE_REQUEST, "", 0, true), SLUICE_WAIT);
	kit_advance(10);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_string_equal(kit_code(x), "not-allowed");
	kit_end(x);
}
