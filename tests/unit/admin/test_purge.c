/* admin/purge: what a query removes, and what it must not look like. */
#include "admin/purge.h"

#include "unit.h"

#include <stdio.h>

#include "base/clock.h"
#include "store/cache.h"
#include "store/object.h"

static struct cache_user user;

static int setup(void **state)
{
	(void)state;
	cache_open(&user, STR("test/pages"), 1 << 20, 1 << 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cache_close(&user);
	return 0;
}

static void put(const char *key, const char *tag)
{
	const sluice_str tags[] = { str_of(tag), STR("prefix:/") };
	const struct cache_new n = { .key = str_of(key),
		.data = STR("x"),
		.tags = tags,
		.n_tags = 2,
		.ttl_ms = 1000 };
	assert_true(cache_put(user.cache, &n, NS_PER_S));
}

static bool has(const char *key)
{
	struct sluice_object *o = cache_get(user.cache, str_of(key), NS_PER_S);
	if (o)
		object_unref(o);
	return o != NULL;
}

static enum purge_result purge(const char *query, struct purge *out)
{
	sluice_str bad;
	return purge_run(str_of(query), out, &bad);
}

TEST_WITH(removes_by_tags, setup, teardown)
{
	struct purge p;
	put("a", "path:/a b");
	put("b", "tag:b+c");
	put("c", "prefix:/x/");
	assert_int_equal(purge("cache=test/pages&path=/a%20b&path=/none", &p), PURGE_DONE);
	assert_true(p.asked == 2 && p.found == 1);
	assert_true(!has("a") && has("b") && has("c"));
	assert_int_equal(purge("tag=b+c&cache=test%2Fpages", &p), PURGE_DONE);
	assert_true(!has("b") && has("c"));
	assert_int_equal(purge("cache=test/pages&prefix=/x/", &p), PURGE_DONE);
	assert_false(has("c"));
	put("a", "x");
	assert_int_equal(purge("cache=test/pages&all=true", &p), PURGE_DONE);
	assert_true(!has("a") && p.asked == 1 && p.found == 1);
}

/* A path for whose tag there is no room goes with the innermost folder that has one. */
TEST_WITH(removes_the_folder_of_a_long_path, setup, teardown)
{
	struct purge p;
	char query[600];
	put("a", "prefix:/x/");
	int n = snprintf(query, sizeof(query), "cache=test/pages&path=/x/");
	memset(query + n, 'y', 300);
	query[n + 300] = 0;
	assert_int_equal(purge(query, &p), PURGE_DONE);
	assert_false(has("a"));
}

TEST_WITH(removes_nothing_unless_all_is_right, setup, teardown)
{
	struct purge p;
	static const char *const bad[] = { "", "cache=test/pages", "tag=a", "cache=test/pages&x=1",
		"cache=test/pages&all=true&tag=", "cache=test/pages&all", "cache=test/pages&all=1",
		"cache=test/pages&all=true&path=a", "cache=test/pages&all=true&prefix=/a",
		"cache=test/pages&all=true&prefix=a/", "cache=test/pages&all=true&tag" };
	put("a", "x");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(purge(bad[i], &p), PURGE_BAD_PARAMETER);
	assert_int_equal(purge("cache=test/none&all=true", &p), PURGE_NO_CACHE);
	assert_int_equal(purge("cache=&all=true", &p), PURGE_NO_CACHE);
	assert_true(has("a"));
}
