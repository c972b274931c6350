/* obs/secret: what a URL hides, and that nothing else of it goes. */
#include "unit.h"

#include <stdio.h>

#include "obs/secret.h"

static struct arena arena;
static struct secrets declared;

static const char *mask(enum secret_url kind, const char *text)
{
	static char out[4096];
	char buf[512];
	sluice_str s = secret_mask(&declared, kind, str_of(text), buf, sizeof(buf));
	(void)snprintf(out, sizeof(out), "%.*s", STR_ARG(s));
	return out;
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	declared = (struct secrets){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

struct row {
	const char *text, *want;
};

static void check_rows(enum secret_url kind, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(mask(kind, rows[i].text), rows[i].want) != 0)
			fail_msg("%s became %s, not %s", rows[i].text, mask(kind, rows[i].text),
				rows[i].want);
	}
}
#define ROWS(kind, rows) check_rows((kind), (rows), sizeof(rows) / sizeof((rows)[0]))

TEST_WITH(escapes_case_and_punctuation_do_not_hide_a_secret_name, setup, teardown)
{
	static const struct row rows[] = {
		{ "access_token=S", "access_token=***" },
		{ "access%5Ftoken=S", "access%5Ftoken=***" },
		{ "%61ccess_token=S", "%61ccess_token=***" },
		{ "access%255Ftoken=S", "access%255Ftoken=***" },
		{ "ACCESS-TOKEN=S", "ACCESS-TOKEN=***" },
		{ "access.token=S&a=1", "access.token=***&a=1" },
		{ "access+token=S", "access+token=***" },
		{ "token[]=S", "token[]=***" },
		{ "user[password]=S&user[name]=x", "user[password]=***&user[name]=x" },
		{ "user%5Bpassword%5D=S", "user%5Bpassword%5D=***" },
		{ "a=1;access_token=S", "a=1;access_token=***" },
		{ "code=a;b,c=d&e=1", "code=***&e=1" },
		{ "code=", "code=" },
		{ "code", "code" },
	};
	ROWS(SECRET_QUERY, rows);
}

TEST_WITH(signed_urls_of_the_clouds, setup, teardown)
{
	static const struct row rows[] = {
		{ "X-Amz-Date=20240101&X-Amz-Signature=S",
			"X-Amz-Date=20240101&X-Amz-Signature=***" },
		{ "X-Amz-Security-Token=S%2F%2B&X-Amz-Expires=60",
			"X-Amz-Security-Token=***&X-Amz-Expires=60" },
		{ "x-amz-credential=AKIA%2F2024", "x-amz-credential=***" },
		{ "X-Goog-Signature=S&X-Goog-Credential=S",
			"X-Goog-Signature=***&X-Goog-Credential=***" },
		{ "sv=2020&sp=r&sig=S%3D", "sv=2020&sp=r&sig=***" },
		{ "AWSAccessKeyId=S&Signature=S&Expires=1",
			"AWSAccessKeyId=***&Signature=***&Expires=1" },
		{ "subscription-key=S", "subscription-key=***" },
		{ "ticket=ST-1", "ticket=***" },
		{ "SAMLResponse=S", "SAMLResponse=***" },
	};
	ROWS(SECRET_QUERY, rows);
}

TEST_WITH(a_url_within_a_url_hides_nothing, setup, teardown)
{
	static const struct row rows[] = {
		{ "next=%2Fcb%3Fcode%3DS%26x%3D1&y=2", "next=%2Fcb%3Fcode%3D***%26x%3D1&y=2" },
		{ "next=/cb?code=S&y=2", "next=/cb?code=***&y=2" },
		{ "n=%252Fcb%253Ftoken%253DS%2526z", "n=%252Fcb%253Ftoken%253D***%2526z" },
		{ "a=%2526b", "a=%2526b" },
	};
	ROWS(SECRET_QUERY, rows);
}

TEST_WITH(what_is_no_secret_stays, setup, teardown)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "a=1&b=2", "a=1&b=2" },
		{ "keyboard=x&tokens=3&codec=y", "keyboard=x&tokens=3&codec=y" },
		{ "=x&&=", "=x&&=" },
		{ "%zz=1&%=2&%4", "%zz=1&%=2&%4" },
	};
	ROWS(SECRET_QUERY, rows);
}

TEST_WITH(paths_have_parameters_too, setup, teardown)
{
	static const struct row rows[] = {
		{ "/a/b=c/d", "/a/b=c/d" },
		{ "/a;jsessionid=S/b", "/a;jsessionid=***/b" },
		{ "/a;v=1;access_token=S", "/a;v=1;access_token=***" },
		{ "/x%3Faccess_token%3DS", "/x%3Faccess_token%3D***" },
	};
	ROWS(SECRET_PATH, rows);
}

TEST_WITH(user_information_of_any_target, setup, teardown)
{
	static const struct row rows[] = {
		{ "http://user:pass@host/x", "http://***@host/x" },
		{ "HTTPS://user:pass@host", "HTTPS://***@host" },
		{ "http://user:pa/ss@host/x", "http://***@host/x" },
		{ "http://user:pa@ss@host/x", "http://***@host/x" },
		{ "http://user:pass%40host/x", "http://***host/x" },
		{ "ftp://u:p@h/?token=S&a=1", "ftp://***@h/?token=***&a=1" },
		{ "//user:pass@host/x", "//***@host/x" },
		{ "user:pass@host:443", "***@host:443" },
		{ "http:user:pass@host", "http:user:pass@host" },
		{ "http:/user:pass@host", "http:/***@host" },
		{ "http://host:80/@name?a=b@c", "http://host:80/@name?a=b@c" },
		{ "https://medium.test/@user/post", "https://medium.test/@user/post" },
		{ "/a@b", "/a@b" },
		{ "*", "*" },
		{ "/x?access_token=S", "/x?access_token=***" },
		{ "/x#access_token=S", "/x#access_token=***" },
		{ "/\x80/../x?id_token=S", "/\x80/../x?id_token=***" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].text, "http:user:pass@host") == 0) {
			assert_null(strstr(mask(SECRET_URL, rows[i].text), "pass"));
			continue;
		}
		check_rows(SECRET_URL, &rows[i], 1);
	}
}

TEST_WITH(names_that_plugins_declare, setup, teardown)
{
	assert_string_equal(mask(SECRET_QUERY, "member_no=S"), "member_no=S");
	assert_true(secrets_add_query(&declared, &arena, STR("Member-No")));
	assert_true(secrets_add_query(&declared, &arena, STR("member_no")));
	assert_int_equal(declared.n_query, 1);
	assert_string_equal(mask(SECRET_QUERY, "member_no=S&a=1"), "member_no=***&a=1");
	assert_string_equal(mask(SECRET_QUERY, "memb%65r%5Fno=S"), "memb%65r%5Fno=***");
	assert_false(secret_is_field(&declared, STR("user-agent")));
	assert_true(secrets_add_field(&declared, &arena, STR("User-Agent")));
	assert_true(secret_is_field(&declared, STR("user-agent")));
	assert_false(secret_is_field(NULL, STR("user-agent")));
	assert_false(secrets_add_query(&declared, &arena, STR("-_-")));
	for (int i = 0; i < SECRET_NAMES_MAX - 1; i++)
		assert_true(secrets_add_query(&declared, &arena, arena_printf(&arena, "n%d", i)));
	assert_false(secrets_add_query(&declared, &arena, STR("one-more")));
}

/* Wherever the room ends, no byte of the secret is in what was written. */
TEST_WITH(no_secret_at_a_cut, setup, teardown)
{
	char text[700], buf[128];
	for (size_t pad = 1; pad < 200; pad++) {
		memset(text, 'q', pad);
		(void)snprintf(text + pad, sizeof(text) - pad,
			"&token=SSSSSSSSSSSSSSSSSSSSSSSS&x=%0100d", 1);
		for (size_t room = 8; room <= sizeof(buf); room += 7) {
			sluice_str s = secret_mask(NULL, SECRET_QUERY, str_of(text), buf, room);
			assert_true(s.len <= room);
			assert_null(memchr(s.data, 'S', s.len));
		}
	}
}
