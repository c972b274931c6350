/* http/token: every name of the table is found in any case, and nothing else is. */
#include "unit.h"

#include <stdlib.h>

#include "http/head.h"

TEST(every_row)
{
	for (unsigned t = 1; t < TOKEN_COUNT; t++) {
		sluice_str name = token_name((enum token)t);
		assert_in_range(name.len, 1, 24);
		char *exact = malloc(name.len); /* a sanitizer sees any read past the name */
		assert_non_null(exact);
		memcpy(exact, name.data, name.len);
		assert_int_equal(token_find(exact, name.len), t);
		for (size_t i = 0; i < name.len; i++)
			exact[i] = (char)(exact[i] >= 'a' && exact[i] <= 'z' ? exact[i] - 0x20
									     : exact[i]);
		assert_int_equal(token_find(exact, name.len), t);
		free(exact);
	}
}

/* Change any single byte of any name into any other: found only when it is the same letter. */
TEST(near_misses)
{
	for (unsigned t = 1; t < TOKEN_COUNT; t++) {
		sluice_str name = token_name((enum token)t);
		char buf[64];
		memcpy(buf, name.data, name.len);
		for (size_t i = 0; i < name.len; i++) {
			for (int c = 0; c < 256; c++) {
				buf[i] = (char)c;
				bool same = ascii_lower((char)c) == name.data[i];
				assert_int_equal(token_find(buf, name.len) == t, same);
			}
			buf[i] = name.data[i];
		}
		buf[name.len] = 'x';
		assert_int_not_equal(token_find(buf, name.len + 1), t);
		assert_int_not_equal(token_find(buf, name.len - 1), t);
	}
}

TEST(others)
{
	char longest[300];
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(token_find("", 0), TOKEN_OTHER);
	assert_int_equal(token_find(NULL, 0), TOKEN_OTHER);
	for (size_t n = 1; n <= sizeof(longest); n++)
		assert_int_equal(token_find(longest, n), TOKEN_OTHER);
	assert_int_equal(token_find("x-custom", 8), TOKEN_OTHER);
	/* CR is '-' without the bit that tells upper from lower case */
	assert_int_equal(token_find("content\rlength", 14), TOKEN_OTHER);
}

static unsigned read_name(const char *name)
{
	return token_read(name, strlen(name));
}

/* Programs behind CGI and WSGI cannot tell '_' from '-': such a name is no token, and known all the
 * same. */
TEST(twins_are_known_whatever_is_spelled_with_an_underscore)
{
	for (unsigned t = 1; t < TOKEN_COUNT; t++) {
		sluice_str name = token_name((enum token)t);
		char buf[64];
		for (size_t i = 0; i < name.len; i++) {
			memcpy(buf, name.data, name.len);
			if (buf[i] != '-')
				continue;
			buf[i] = '_';
			assert_int_equal(token_read(buf, name.len), TOKEN_IS_TWIN);
			assert_int_equal(token_find(buf, name.len), TOKEN_OTHER);
		}
	}
	assert_int_equal(read_name("X_FORWARDED_FOR"), TOKEN_IS_TWIN);
	assert_int_equal(read_name("X_Forwarded-Proto"), TOKEN_IS_TWIN);
	assert_int_equal(read_name("x_request_id"), TOKEN_IS_TWIN);
	assert_int_equal(read_name("content_length"), TOKEN_IS_TWIN);
	assert_int_equal(read_name("X_Real_IP"), TOKEN_IS_EDGE | TOKEN_IS_TWIN);
	assert_int_equal(read_name("SCRIPT_NAME"), TOKEN_IS_EDGE | TOKEN_IS_TWIN);
	assert_int_equal(read_name("x_forwarded_anything_of_any_length_at_all"),
		TOKEN_IS_EDGE | TOKEN_IS_TWIN);
	assert_int_equal(read_name("x_custom"), TOKEN_OTHER);
	assert_int_equal(read_name("user-agent_"), TOKEN_OTHER);
	/* differs from '-' in the same bits as '_' does */
	assert_int_equal(read_name("contentolength"), TOKEN_OTHER);
}

TEST(the_family_of_the_edge)
{
	static const char *const members[] = {
		"X-Real-IP",
		"x-forwarded-prefix",
		"X-Forwarded-Ssl",
		"X-Forwarded-Server",
		"X-Forwarded-Client-Cert",
		"X-Forwarded-Scheme",
		"X-Original-URL",
		"X-Original-Host",
		"X-Rewrite-URL",
		"X-Client-IP",
		"X-Cluster-Client-IP",
		"True-Client-IP",
		"CF-Connecting-IP",
		"X-Envoy-Internal",
		"X-Envoy-External-Address",
		"Front-End-Https",
		"Script-Name",
		"X-Script-Name",
		"Path-Info",
		"X-SSL-Client-Verify",
		"Client-Cert",
		"Remote-User",
		"Proxy",
		"Fastly-Client-IP",
	};
	static const char *const others[] = { "x-forwarded", "x-forwarded-", "x-custom", "x-for",
		"x-real-ipx", "forwarded-for", "x-api-key", "x-correlation-id",
		"x-http-method-override", "x-requested-with" };
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (read_name(members[i]) != TOKEN_IS_EDGE)
			fail_msg("%s is %#x", members[i], read_name(members[i]));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (read_name(others[i]) != TOKEN_OTHER)
			fail_msg("%s is %#x", others[i], read_name(others[i]));
	}
	/* Sluice writes it */
	assert_int_equal(read_name("x-forwarded-port"), TOKEN_X_FORWARDED_PORT);
}

TEST(names_that_are_alike)
{
	assert_true(field_names_alike(STR("X-User-Id"), STR("x_USER-id")));
	assert_false(field_names_alike(STR("X-User-Id"), STR("X-User-Ie")));
	assert_false(field_names_alike(STR("X-User"), STR("X-User-")));
	assert_true(field_names_alike(STR(""), STR("")));
}

TEST(flags)
{
	assert_int_equal(token_flags(TOKEN_OTHER), 0);
	assert_int_equal(token_flags(TOKEN_TRANSFER_ENCODING), TOKEN_FRAMING | TOKEN_HOP);
	assert_int_equal(token_flags(TOKEN_HOST), TOKEN_SINGLE);
	assert_str(token_name(TOKEN_OTHER), "");
	assert_str(token_name(TOKEN_X_FORWARDED_FOR), "x-forwarded-for");
}
