/* policy/edit: which fields plugins may change, and when the change is made. */
#include "policy/edit.h"

#include "walk_kit.h"

TEST(set_add_remove)
{
	walk_begin(1, "A: 1\nB: 2\na: 3\n", 0);
	walk_enter(0);
	(void)walk_request();
	sluice_field_set(walk, SLUICE_REQUEST, SLUICE_STR("a"), SLUICE_STR("new"));
	assert_string_equal(fields_text(&walk->request->fields), "B=2,a=new,");
	sluice_field_add(walk, SLUICE_REQUEST, SLUICE_STR("a"), SLUICE_STR("more"));
	assert_string_equal(fields_text(&walk->request->fields), "B=2,a=new,a=more,");
	sluice_field_remove(walk, SLUICE_REQUEST, SLUICE_STR("A"));
	assert_string_equal(fields_text(&walk->request->fields), "B=2,");
	sluice_field_set(walk, SLUICE_REQUEST, SLUICE_STR("C"), SLUICE_STR(" \tpadded "));
	sluice_field_set(walk, SLUICE_REQUEST, SLUICE_STR("D"), SLUICE_STR(""));
	assert_string_equal(fields_text(&walk->request->fields), "B=2,C=padded,D=,");
	char name[] = "E", value[] = "copied";
	sluice_field_set(walk, SLUICE_REQUEST, str_of(name), str_of(value));
	name[0] = value[0] = '?';
	assert_string_equal(fields_text(&walk->request->fields), "B=2,C=padded,D=,E=copied,");
	walk_leave();
	walk_end();
}

TEST(what_is_not_theirs)
{
	static const char *const names[] = {
		"Content-Length",
		"transfer-encoding",
		"Connection",
		"Keep-Alive",
		"TE",
		"Trailer",
		"Upgrade",
		"Proxy-Connection",
		"HTTP2-Settings",
		"",
		"two words",
		"x:y",
		"line\r\nbreak",
		"umlaut\xc3\xa4",
		":path",
	};
	walk_begin(1, "Content-Length: 5\nConnection: close\nX: y\n", 0);
	(void)walk_request();
	(void)walk_response(200);
	walk_enter(0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (int side = SLUICE_REQUEST; side <= SLUICE_RESPONSE; side++) {
			sluice_field_set(walk, (sluice_side)side, str_of(names[i]),
				SLUICE_STR("z"));
			sluice_field_add(walk, (sluice_side)side, str_of(names[i]),
				SLUICE_STR("z"));
			sluice_field_remove(walk, (sluice_side)side, str_of(names[i]));
		}
	}
	assert_string_equal(fields_text(&walk->request->fields),
		"Content-Length=5,Connection=close,X=y,");
	assert_string_equal(fields_text(&walk->response->fields), "");
	walk_leave();
	walk_end();
}

/* A value that would end the line ends nothing: it does not get in. */
TEST(values)
{
	static const char nul[] = "a\0b";
	static const sluice_str bad[] = { { "a\r\nX: y", 7 }, { "a\nb", 3 }, { "a\rb", 3 },
		{ nul, 3 }, { "a\x7f", 2 } };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		walk_begin(1, "X: y\n", 0);
		(void)walk_request();
		walk_enter(0);
		sluice_field_add(walk, SLUICE_REQUEST, SLUICE_STR("New"), bad[i]);
		sluice_field_set(walk, SLUICE_REQUEST, SLUICE_STR("Newer"), bad[i]);
		sluice_field_set(walk, SLUICE_RESPONSE, SLUICE_STR("New"), bad[i]);
		walk_leave();
		(void)walk_response(200);
		assert_string_equal(fields_text(&walk->request->fields), "X=y,");
		assert_string_equal(fields_text(&walk->response->fields), "");
		walk_end();
	}
}

/* Many programs read `X_User` as X-User: whoever sets or removes the one does so with the other. */
TEST(set_and_remove_hold_for_every_spelling)
{
	walk_begin(1, "x_user-ID: a\nX-User-Id: b\nX_USER_ID: c\nX-UserId: d\nX-Tag: e\n", 0);
	walk_enter(0);
	(void)walk_request();
	walk->request->body = BODY_CHUNKED;
	sluice_field_set(walk, SLUICE_REQUEST, SLUICE_STR("X-User-Id"), SLUICE_STR("new"));
	assert_string_equal(fields_text(&walk->request->fields),
		"X-UserId=d,X-Tag=e,X-User-Id=new,");
	sluice_field_remove(walk, SLUICE_REQUEST, SLUICE_STR("x_user_id"));
	sluice_field_add(walk, SLUICE_REQUEST, SLUICE_STR("x_tag"), SLUICE_STR("f"));
	assert_string_equal(fields_text(&walk->request->fields), "X-UserId=d,X-Tag=e,x_tag=f,");
	/* for trailers, which come later */
	assert_true(edit_has(walk, SLUICE_STR("X_User-ID")));
	assert_false(edit_has(walk, SLUICE_STR("X-Tag")));
	assert_false(edit_has(walk, SLUICE_STR("X-UserId")));
	/* a second spelling of what the gateway writes */
	assert_non_null(sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET,
		SLUICE_STR("X_Forwarded_For"), SLUICE_STR("x")));
	assert_non_null(sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET,
		SLUICE_STR("content_length"), SLUICE_STR("1")));
	assert_null(sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET, SLUICE_STR("X-Real-IP"),
		SLUICE_STR("x")));
	walk_leave();
	walk_end();
}

TEST(host)
{
	static const char *const bad[] = { "", "a b", "a/b", "a\"b", "a@b", "a:99999", "[::1" };
	walk_begin(1, "Host: Example.com:8080\n", 0);
	(void)walk_request();
	walk_enter(0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sluice_field_set(walk, SLUICE_REQUEST, SLUICE_STR("Host"), str_of(bad[i]));
		assert_str(walk->request->authority, "Example.com:8080");
	}
	sluice_field_add(walk, SLUICE_REQUEST, SLUICE_STR("Host"), SLUICE_STR("other"));
	sluice_field_remove(walk, SLUICE_REQUEST, SLUICE_STR("Host"));
	assert_str(walk->request->authority, "Example.com:8080");
	sluice_field_set(walk, SLUICE_REQUEST, SLUICE_STR("host"), SLUICE_STR("other.example:81"));
	assert_str(walk->request->authority, "other.example:81");
	assert_str(walk->request->host, "example.com"); /* what was routed stays what was routed */
	assert_string_equal(fields_text(&walk->request->fields), "Host=Example.com:8080,");
	walk_leave();
	walk_end();
}

/* Asked for before there is a response, made when there is one, in the order of asking. */
TEST(kept_for_the_response)
{
	walk_begin(1, "", 0);
	(void)walk_request();
	walk_enter(0);
	sluice_field_set(walk, SLUICE_RESPONSE, SLUICE_STR("A"), SLUICE_STR("1"));
	sluice_field_add(walk, SLUICE_RESPONSE, SLUICE_STR("A"), SLUICE_STR("2"));
	sluice_field_set(walk, SLUICE_RESPONSE, SLUICE_STR("B"), SLUICE_STR("3"));
	sluice_field_remove(walk, SLUICE_RESPONSE, SLUICE_STR("A"));
	sluice_field_add(walk, SLUICE_RESPONSE, SLUICE_STR("A"), SLUICE_STR("4"));
	walk_leave();
	assert_string_equal(fields_text(&walk->request->fields), "");
	(void)walk_response(200);
	assert_string_equal(fields_text(&walk->response->fields), "B=3,A=4,");
	walk_enter(0);
	sluice_field_set(walk, SLUICE_RESPONSE, SLUICE_STR("B"), SLUICE_STR("now"));
	walk_leave();
	assert_string_equal(fields_text(&walk->response->fields), "A=4,B=now,");
	/* another response takes its place: they hold for whatever response the exchange gets */
	(void)walk_response(502);
	assert_string_equal(fields_text(&walk->response->fields), "B=3,A=4,");
	walk_end();
}

/* A plugin that removes fields until none is left comes to an end, also without memory. */
TEST(removing_needs_no_memory)
{
	sluice_pair pair;
	size_t at = 0;
	walk_begin(1, "", 8192);
	(void)walk_request();
	(void)walk_response(200);
	assert_int_equal(fields_add(&walk->response->fields, walk->arena, STR("A"), STR("1")), 0);
	while (arena_alloc(walk->arena, 1))
		;
	walk_enter(0);
	assert_true(sluice_field_next(walk, SLUICE_RESPONSE, &at, &pair));
	sluice_field_remove(walk, SLUICE_RESPONSE, pair.name);
	at = 0;
	assert_false(sluice_field_next(walk, SLUICE_RESPONSE, &at, &pair));
	walk_leave();
	walk_end();
}

TEST_GROUP(walk_setup, walk_teardown);
