/* redis/url: every form that is taken, and what is refused with which sentence. */
#include "unit.h"
#include "with_arena.h"

#include "redis/url.h"

static const struct good {
	const char *text, *shown;
	const char *user, *password; /* NULL: none */
	bool is_name;
} good[] = {
	{ "redis://127.0.0.1", "redis://127.0.0.1:6379/0", NULL, NULL, false },
	{ "redis://127.0.0.1:7000/15", "redis://127.0.0.1:7000/15", NULL, NULL, false },
	{ "REDIS://localhost/", "redis://localhost:6379/0", NULL, NULL, true },
	{ "rediss://cache.example.com:6380", "rediss://cache.example.com:6380/0", NULL, NULL,
		true },
	{ "redis://[::1]:6379/2", "redis://[::1]:6379/2", NULL, NULL, false },
	{ "redis://:secret@h", "redis://h:6379/0", NULL, "secret", true },
	{ "redis://ann:s%3aec%2Fret%40@h:1/3", "redis://h:1/3", "ann", "s:ec/ret@", true },
	{ "redis://ann:p@ss@h", "redis://h:6379/0", "ann", "p@ss", true },
	{ "redis://ann:a:b@h", "redis://h:6379/0", "ann", "a:b", true },
	{ "redis://a:1,b:2/3", "redis://a:1,b:2/3", NULL, NULL, true },
	{ "redis://ann:pw@10.0.0.1,[::1]:7,c", "redis://10.0.0.1:6379,[::1]:7,c:6379/0", "ann",
		"pw", false },
	{ "redis+sentinel://s1,s2:5000/my.master-1_/2",
		"redis+sentinel://s1:26379,s2:5000/my.master-1_/2", NULL, NULL, true },
	{ "Rediss+Sentinel://:pw@s1/m", "rediss+sentinel://s1:26379/m/0", NULL, "pw", true },
	{ "redis+cluster://a,b:2", "redis+cluster://a:6379,b:2", NULL, NULL, true },
	{ "rediss+cluster://ann:pw@[::1]/0", "rediss+cluster://[::1]:6379", "ann", "pw", false },
	{ "unix:/run/redis.sock", "unix:/run/redis.sock", NULL, NULL, false },
	{ "unix:///run/redis.sock?db=4", "unix:/run/redis.sock?db=4", NULL, NULL, false },
};

TEST(forms)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct good *g = &good[i];
		struct redis_url u;
		const char *error = "";
		char shown[REDIS_URL_TEXT];
		if (redis_url_parse(&arena, str_of(g->text), &u, &error) != 0)
			fail_msg("%s: refused: %s", g->text, error);
		redis_url_text(&u, shown);
		assert_string_equal(shown, g->shown);
		assert_str(u.user, g->user);
		assert_str(u.password, g->password);
		assert_int_equal(u.password.data != NULL, g->password != NULL);
		if ((u.hosts[0].addr.len == 0) != g->is_name)
			fail_msg("%s: address of %u bytes", g->text, (unsigned)u.hosts[0].addr.len);
	}
}

static const struct bad {
	const char *text, *why; /* a part of the sentence */
} bad[] = {
	{ "", "not a Redis URL" },
	{ "redis", "not a Redis URL" },
	{ "redis:", "not a Redis URL" },
	{ "redis:/h", "not a Redis URL" },
	{ "http://h", "not a Redis URL" },
	{ "redis://", "no valid host" },
	{ "redis://:6379", "no valid host" },
	{ "redis://h:0", "no valid host" },
	{ "redis://h:65536", "no valid host" },
	{ "redis://h:x", "no valid host" },
	{ "redis://h h", "no valid host" },
	{ "redis://[::1", "no valid host" },
	{ "redis://h/x", "database" },
	{ "redis://h/-1", "database" },
	{ "redis://h/65536", "database" },
	{ "redis://h/1/2", "database" },
	{ "redis://h?db=1", "after ?" },
	{ "redis://h#1", "fragment" },
	{ "redis://ann@h", "needs a password" },
	{ "redis://@h", "needs a password" },
	{ "redis://ann:@h", "password is empty" },
	{ "redis://ann:%zz@h", "percent" },
	{ "redis://ann:%4@h", "percent" },
	{ "redis://ann:%00@h", "percent" },
	{ "redis://a:1,", "no valid host" },
	{ "redis://a:1,,b:2", "no valid host" },
	{ "redis://a:1,b:0", "no valid host" },
	{ "redis://a,b,A", "twice" },
	{ "redis://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "more than 16" },
	{ "redis-sentinel://h", "redis+sentinel://" },
	{ "sentinel://h", "redis+sentinel://" },
	{ "redis+sentinel:h/m", "not a Redis URL" },
	{ "redis+sentinel://h", "name of the primary" },
	{ "redis+sentinel://h/", "name of the primary" },
	{ "redis+sentinel://h/a b", "name of the primary" },
	{ "redis+sentinel://h/m/x", "database" },
	{ "redis+sentinel:///m", "no valid host" },
	{ "redis-cluster://h", "redis+cluster://" },
	{ "rediss-cluster://a:1,b:2", "redis+cluster://" },
	{ "redis+cluster://h/1", "no database but 0" },
	{ "unix:run/redis.sock", "absolute" },
	{ "unix:", "absolute" },
	{ "unix:/run/r?x=1", "db=NUMBER" },
	{ "unix:/run/r?db=", "database" },
};

TEST(refusals)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct redis_url u = { .db = 77 };
		const char *error = "";
		if (redis_url_parse(&arena, str_of(bad[i].text), &u, &error) == 0)
			fail_msg("%s: taken", bad[i].text);
		if (u.db != 77 || u.password.len || u.n_hosts)
			fail_msg("%s: something was taken of it", bad[i].text);
		if (!strstr(error, bad[i].why))
			fail_msg("%s: %s", bad[i].text, error);
	}
}

TEST(long)
{
	char text[2200], shown[REDIS_URL_TEXT];
	struct redis_url u;
	const char *error;
	memset(text, 'a', sizeof(text));
	memcpy(text, "redis://", 8);
	assert_int_equal(redis_url_parse(&arena, str_n(text, 8 + 254), &u, &error), -1);
	assert_int_equal(redis_url_parse(&arena, str_n(text, 8 + 253), &u, &error), 0);
	redis_url_text(&u, shown);
	assert_int_equal(strlen(shown), 8 + 253 + strlen(":6379/0"));

	memcpy(text, "redis://:", 9);
	memcpy(text + 9 + 1024, "@h", 2);
	assert_int_equal(redis_url_parse(&arena, str_n(text, 9 + 1024 + 2), &u, &error), 0);
	assert_int_equal(u.password.len, 1024);
	text[9 + 1024] = 'a';
	memcpy(text + 9 + 1025, "@h", 2);
	assert_int_equal(redis_url_parse(&arena, str_n(text, 9 + 1025 + 2), &u, &error), -1);

	memcpy(text, "unix:/", 6);
	assert_int_equal(redis_url_parse(&arena, str_n(text, 5 + 200), &u, &error), -1);
	assert_non_null(strstr(error, "too long"));
}

TEST_GROUP_WITH_ARENA(0);
