/* store/cache: against a model, by hand, and from many threads at once. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/cache_parts.h"
#include "store/object.h"
#include "store/object_writer.h"

#define MAX_BYTES (256ull << 10)
#define NOW NS_PER_S

static struct cache_user user;
static struct sluice_cache *cache;

static int setup(void **state)
{
	(void)state;
	cache_open(&user, STR("test/cache"), MAX_BYTES, 64 << 10);
	cache = user.cache;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cache_close(&user);
	return 0;
}

#define TEST_CACHE(name) TEST_WITH(name, setup, teardown)

static uint64_t bytes_now(void)
{
	return atomic_load(&cache->bytes);
}

static bool put(const char *key, const char *data, uint64_t ttl_ms, uint64_t keep_ms, uint64_t now)
{
	const struct cache_new n = { .key = str_of(key),
		.data = str_of(data),
		.ttl_ms = ttl_ms,
		.keep_ms = keep_ms };
	return cache_put(cache, &n, now);
}

static bool put_tagged(const char *key, sluice_str *tags, size_t n_tags)
{
	const struct cache_new n = { .key = str_of(key),
		.data = STR("x"),
		.tags = tags,
		.n_tags = n_tags,
		.ttl_ms = 1000 };
	return cache_put(cache, &n, NOW);
}

static bool has(const char *key, uint64_t now)
{
	struct sluice_object *o = cache_get(cache, str_of(key), now);
	if (o)
		object_unref(o);
	return o != NULL;
}

/* ---- by hand ------------------------------------------------------------------------------- */

TEST_CACHE(an_object_by_reference)
{
	const struct cache_new n = { .key = STR("k"),
		.data = STR("bytes"),
		.meta = STR("about"),
		.ttl_ms = 1000,
		.keep_ms = 500 };
	assert_true(cache_put(cache, &n, NOW));
	struct sluice_object *a = cache_get(cache, STR("k"), NOW),
			     *b = cache_get(cache, STR("k"), NOW);
	assert_ptr_equal(a, b);
	assert_str(a->data, "bytes");
	assert_str(a->meta, "about");
	object_unref(b);
	uint64_t one = bytes_now();
	assert_true(
		put("k", "newer", 1000, 0, NOW)); /* a still has the older one, which is counted */
	assert_true(bytes_now() > one);
	assert_str(a->data, "bytes");
	object_unref(a);
	assert_true(bytes_now() < one); /* it has no meta */
	struct sluice_object *c = cache_get(cache, STR("k"), NOW);
	assert_str(c->data, "newer");
	assert_true(cache_remove(cache, STR("k")));
	assert_false(cache_remove(cache, STR("k")));
	assert_str(c->data, "newer");
	object_unref(c);
	assert_int_equal(bytes_now(), 0);
}

TEST_CACHE(fresh_then_stale_then_gone)
{
	assert_true(put("k", "x", 1000, 500, NOW));
	struct sluice_object *o = cache_get(cache, STR("k"), NOW + 1499 * NS_PER_MS);
	assert_non_null(o);
	assert_true(o->fresh_until_ns == NOW + 1000 * NS_PER_MS);
	object_unref(o);
	assert_false(has("k", NOW + 1500 * NS_PER_MS));
	assert_int_equal(bytes_now(), 0); /* whoever finds it over frees it */
	assert_false(put("k", "x", 0, 0, NOW));
	assert_true(put("k", "x", UINT64_MAX, UINT64_MAX, NOW)); /* no time wraps around */
	assert_true(has("k", NOW + 300ull * 24 * 3600 * NS_PER_S));
}

TEST_CACHE(sweeping_frees_what_nobody_asks_for)
{
	char key[32];
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "short-%u", i);
		assert_true(put(key, "x", 10, 0, NOW));
	}
	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(key, sizeof(key), "none-%u", i);
		assert_false(has(key, NOW + NS_PER_S));
	}
	assert_int_equal(bytes_now(), 0);
}

TEST_CACHE(tags)
{
	sluice_str red[] = { STR("red") }, both[] = { STR("blue"), STR("red") };
	assert_false(cache_remove_tag(cache, STR("red")));
	assert_true(
		put_tagged("a", red, 1) && put_tagged("b", both, 2) && put_tagged("c", NULL, 0));
	assert_true(cache_remove_tag(cache, STR("red")));
	assert_false(has("a", NOW) || has("b", NOW));
	assert_true(has("c", NOW));
	assert_true(put_tagged("a", red, 1)); /* one that comes later is there */
	assert_true(has("a", NOW));
	assert_true(cache_remove_tag(cache, STR("red")));
	assert_false(has("a", NOW));
	assert_false(cache_remove_tag(cache, STR("red"))); /* no object has it */
	assert_false(cache_remove_tag(cache, STR("blue")));
}

TEST_CACHE(bounds)
{
	static char text[CACHE_KEY_MAX + 2];
	sluice_str tags[CACHE_TAGS_MAX + 1];
	memset(text, 'k', sizeof(text) - 1);
	assert_false(put(text, "x", 1000, 0, NOW));
	assert_false(put("", "x", 1000, 0, NOW));
	assert_false(has(text, NOW) || has("", NOW));
	assert_true(put(text + 1, "x", 1000, 0, NOW));
	for (size_t i = 0; i <= CACHE_TAGS_MAX; i++)
		tags[i] = str_n(text, CACHE_TAG_MAX);
	assert_false(put_tagged("k", tags, CACHE_TAGS_MAX + 1));
	assert_true(put_tagged("k", tags, CACHE_TAGS_MAX)); /* the same tag again and again, too */
	tags[0].len++;
	assert_false(put_tagged("k", tags, 1));
	assert_false(has("k", NOW)); /* an older object does not stand in for one that is refused */
	tags[0].len = 0;
	assert_false(put_tagged("k", tags, 1));
	struct cache_new large = { .key = STR("k"), .ttl_ms = 1 };
	char *data = calloc(1, 64 << 10);
	large.data = str_n(data, 64 << 10);
	assert_false(cache_put(cache, &large, NOW));
	large.data.len--;
	assert_true(cache_put(cache, &large, NOW));
	free(data);
}

/* ---- room ---------------------------------------------------------------------------------- */

TEST_CACHE(readers_are_passed_over_and_count)
{
	char data[16 << 10], key[32];
	struct sluice_object *held[32];
	unsigned n = 0;
	memset(data, 'd', sizeof(data) - 1);
	data[sizeof(data) - 1] = 0;
	for (; n < 32; n++) {
		(void)snprintf(key, sizeof(key), "held-%u", n);
		if (!put(key, data, 1000, 0, NOW + n))
			break;
		held[n] = cache_get(cache, str_of(key), NOW + n);
	}
	assert_int_equal(n, 15); /* 256 KiB are full, and nothing can be given up */
	assert_true(bytes_now() <= MAX_BYTES);
	assert_false(put("more", data, 1000, 0, NOW));
	for (unsigned i = 0; i < n; i++)
		assert_true(has("held-0", NOW));
	object_unref(held[7]);
	assert_true(put("more", data, 1000, 0, NOW + 100));
	assert_false(has("held-7", NOW + 100));
	assert_true(has("held-6", NOW + 100));
	for (unsigned i = 0; i < n; i++) {
		if (i != 7)
			object_unref(held[i]);
	}
}

TEST_CACHE(limits_of_all_users)
{
	struct cache_user second;
	assert_true(put("a", "x", 1000, 0, NOW));
	cache_open(&second, STR("test/cache"), MAX_BYTES * 2, 1024);
	assert_ptr_equal(second.cache, cache);
	assert_int_equal(atomic_load(&cache->max_bytes), MAX_BYTES * 2);
	assert_int_equal(atomic_load(&cache->max_object), 64 << 10);
	char key[32];
	for (unsigned i = 0; i < 5000; i++) {
		(void)snprintf(key, sizeof(key), "%u", i);
		assert_true(put(key, "x", 1000, 0, NOW + i));
	}
	assert_true(bytes_now() > MAX_BYTES && bytes_now() <= MAX_BYTES * 2);
	cache_close(&second); /* what is above is given up */
	assert_true(bytes_now() <= MAX_BYTES);
	assert_true(has("4999", NOW));
	assert_false(has("3000", NOW));
}

TEST_CACHE(closed_while_an_object_is_read_and_one_is_written)
{
	struct cache_user other;
	cache_open(&other, STR("test/other"), MAX_BYTES, 1024);
	const struct cache_new n = { .key = STR("k"), .data = STR("bytes"), .ttl_ms = 1000 };
	assert_true(cache_put(other.cache, &n, NOW));
	struct sluice_object *o = cache_get(other.cache, STR("k"), NOW);
	struct sluice_object_writer *w = object_writer_begin(other.cache, &n, 0);
	assert_true(object_writer_append(w, STR("more")));
	cache_close(&other);
	assert_str(o->data, "bytes");
	assert_false(object_writer_commit(w, NOW));
	object_unref(o);
}

/* ---- writing in pieces --------------------------------------------------------------------- */

static struct sluice_object_writer *begin(const char *key, uint64_t expected)
{
	static sluice_str tags[] = { STR("t") };
	const struct cache_new n = { .key = str_of(key),
		.meta = STR("m"),
		.ttl_ms = 1000,
		.tags = tags,
		.n_tags = 1 };
	return object_writer_begin(cache, &n, expected);
}

TEST_CACHE(written_in_pieces)
{
	assert_true(put("k", "older", 1000, 0, NOW));
	struct sluice_object_writer *w = begin("k", 0);
	char piece[1000];
	memset(piece, 'p', sizeof(piece));
	for (unsigned i = 0; i < 20; i++)
		assert_true(object_writer_append(w, str_n(piece, sizeof(piece))));
	struct sluice_object *o = cache_get(cache, STR("k"), NOW);
	assert_str(o->data, "older");
	object_unref(o);
	assert_true(object_writer_commit(w, NOW + 500 * NS_PER_MS));
	o = cache_get(cache, STR("k"),
		NOW + 1400 * NS_PER_MS); /* its time begins with the commit */
	assert_int_equal(o->data.len, 20000);
	assert_int_equal(o->data.data[19999], 'p');
	assert_str(o->meta, "m");
	assert_true(bytes_now() < 21000); /* no more room than it needs */
	object_unref(o);

	w = begin("k", 3); /* less was announced than comes */
	assert_true(object_writer_append(w, STR("four")));
	assert_true(object_writer_append(w, STR("")));
	object_writer_abort(w);
	assert_true(has("k", NOW));
	assert_true(cache_remove(cache, STR("k")));
	assert_int_equal(bytes_now(), 0);
	w = begin("empty", 0);
	assert_true(object_writer_commit(w, NOW));
	o = cache_get(cache, STR("empty"), NOW);
	assert_int_equal(o->data.len, 0);
	object_unref(o);
}

TEST_CACHE(a_writer_is_bounded)
{
	assert_null(begin("k", 64 << 10)); /* with its key and meta it is larger than max_object */
	assert_null(begin("", 1));
	assert_int_equal(bytes_now(), 0);
	struct sluice_object_writer *w = begin("k", 0);
	char piece[4096] = "";
	unsigned n = 0;
	while (object_writer_append(w, str_n(piece, sizeof(piece))))
		n++;
	assert_int_equal(n, 15);
	assert_true(bytes_now() < (64 << 10) + 1024);
	assert_false(object_writer_append(w, STR("x"))); /* from now on, although it would fit */
	assert_false(object_writer_commit(w, NOW));
	assert_false(has("k", NOW));
	assert_int_equal(bytes_now(), 0);

	struct sluice_object_writer *all[8];
	for (n = 0; n < 8; n++) { /* 256 KiB are full of half-written ones */
		all[n] = begin("k", 60000);
		if (!all[n])
			break;
	}
	assert_int_equal(n, 4);
	assert_true(bytes_now() <= MAX_BYTES);
	while (n)
		object_writer_abort(all[--n]);
}

TEST_CACHE(nothing_older_than_a_removal_is_kept)
{
	struct sluice_object_writer *w = begin("k", 10), *other = begin("other", 10);
	assert_false(cache_remove(cache, STR("k")));
	assert_false(object_writer_commit(w, NOW));
	assert_true(object_writer_commit(other, NOW));
	w = begin("k", 10);
	assert_true(cache_remove_tag(cache, STR("t")));
	assert_true(put("k", "newer", 1000, 0, NOW));
	assert_false(object_writer_commit(w, NOW));
	struct sluice_object *o = cache_get(cache, STR("k"), NOW);
	assert_str(o->data, "newer");
	object_unref(o);
}

TEST_CACHE(a_writer_does_not_replace_what_is_newer)
{
	assert_true(put("k", "older", 1000, 0, NOW));
	struct sluice_object_writer *w = begin("k", 10), *second = begin("k", 10);
	assert_true(object_writer_append(second, STR("second")));
	assert_true(object_writer_commit(second, NOW));
	assert_false(object_writer_commit(w, NOW));
	struct sluice_object *o = cache_get(cache, STR("k"), NOW);
	assert_str(o->data, "second");
	object_unref(o);
	w = begin("k", 10);
	assert_true(put("k", "whole", 1000, 0, NOW));
	assert_false(object_writer_commit(w, NOW));
	o = cache_get(cache, STR("k"), NOW);
	assert_str(o->data, "whole");
	object_unref(o);
	w = begin("k", 10); /* one that is over is in nobody's way */
	assert_true(put("k", "short", 1, 0, NOW));
	assert_true(object_writer_commit(w, NOW + 10 * NS_PER_MS));
	assert_true(has("k", NOW + 10 * NS_PER_MS));
}

/* ---- a model ------------------------------------------------------------------------------- */

enum { KEYS = 600, TAGS = 5, STEPS = 60000 };

/* All that a cache has to know, without its tables. Times are unique, so that the order of use is.
 */
static struct model {
	bool is_there;
	uint64_t used, until, cost;
	unsigned tag, version;
} model[KEYS];

static unsigned oldest(void)
{
	unsigned best = KEYS;
	for (unsigned i = 0; i < KEYS; i++) {
		if (model[i].is_there && (best == KEYS || model[i].used < model[best].used))
			best = i;
	}
	return best;
}

static uint64_t model_bytes(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < KEYS; i++)
		sum += model[i].is_there ? model[i].cost : 0;
	return sum;
}

static unsigned dice(unsigned n)
{
	static uint64_t seed = 0x9e3779b97f4a7c15ull;
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

static const char *key_of(unsigned i)
{
	static char key[32];
	(void)snprintf(key, sizeof(key), "key-%u", i);
	return key;
}

static void model_put(unsigned i, uint64_t now)
{
	static char data[4096];
	char tag[2] = { (char)('a' + dice(TAGS)), 0 };
	sluice_str tags[] = { str_of(tag) };
	unsigned version = dice(1000) + 1;
	struct cache_new n = { .key = str_of(key_of(i)),
		.data = str_n(data, sizeof(version) + dice(3000)),
		.tags = tags,
		.n_tags = 1,
		.ttl_ms = 1u << 30 };
	memcpy(data, &version, sizeof(version));
	uint64_t cost = object_cost(&n) + n.data.len;
	assert_true(cache_put(cache, &n, now));
	/* room is made while the older object is still there, which may be given up itself */
	while (model_bytes() + cost > MAX_BYTES)
		model[oldest()].is_there = false;
	model[i] = (struct model){ .is_there = true,
		.used = now,
		.cost = cost,
		.tag = (unsigned)(tag[0] - 'a'),
		.version = version };
}

static void model_get(unsigned i, uint64_t now)
{
	struct sluice_object *o = cache_get(cache, str_of(key_of(i)), now);
	assert_int_equal(o != NULL, model[i].is_there);
	if (!o)
		return;
	assert_memory_equal(o->data.data, &model[i].version, sizeof(unsigned));
	model[i].used = now;
	object_unref(o);
}

/* Objects that are over still take their room until they are come across: so ask for all. */
static void model_remove_tag(unsigned tag, uint64_t *now)
{
	char text[2] = { (char)('a' + tag), 0 };
	(void)cache_remove_tag(cache, str_of(text));
	for (unsigned i = 0; i < KEYS; i++) {
		if (model[i].is_there && model[i].tag == tag) {
			model[i].is_there = false;
			model_get(i, ++*now);
		}
	}
}

TEST_CACHE(like_a_model)
{
	memset(model, 0, sizeof(model));
	uint64_t now = NOW;
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = dice(KEYS), what = dice(1000);
		now++;
		if (what < 500) {
			model_get(i, now);
		} else if (what < 900) {
			model_put(i, now);
		} else if (what < 997) {
			assert_int_equal(cache_remove(cache, str_of(key_of(i))), model[i].is_there);
			model[i].is_there = false;
		} else {
			model_remove_tag(dice(TAGS), &now);
		}
		assert_int_equal(bytes_now(), model_bytes());
		assert_true(bytes_now() <= MAX_BYTES);
	}
	for (unsigned i = 0; i < KEYS; i++)
		model_get(i, ++now);
}

/* ---- threads ------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 20000 };

static void thread_write(unsigned n, const char *key, uint64_t now)
{
	char data[512];
	memset(data, (char)('a' + n), sizeof(data));
	struct sluice_object_writer *w = begin(key, n % 2 ? sizeof(data) : 0);
	for (unsigned i = 0; w && i < 4; i++)
		(void)object_writer_append(w, str_n(data, sizeof(data) / 4));
	if (w && n % 8)
		(void)object_writer_commit(w, now);
	else if (w)
		object_writer_abort(w);
}

static void thread_step(unsigned *seed, struct sluice_object **held)
{
	char key[32];
	*seed = *seed * 1103515245u + 12345u;
	unsigned what = *seed >> 24, n = (*seed >> 8) % 1000;
	uint64_t now = NOW + n;
	(void)snprintf(key, sizeof(key), "%u", n);
	if (what < 120) {
		if (*held)
			object_unref(*held);
		*held = cache_get(cache, str_of(key), now);
		for (size_t i = 1; *held && i < (*held)->data.len; i++)
			check((*held)->data.data[i] == (*held)->data.data[0], "torn bytes");
	} else if (what < 180) {
		(void)put(key, "aaaaaaaaaaaaaaaaaaaaaaaaaa", 1000, 0, now);
	} else if (what < 235) {
		thread_write(n % 26, key, now);
	} else if (what < 254) {
		(void)cache_remove(cache, str_of(key));
	} else {
		(void)cache_remove_tag(cache, STR("t"));
	}
	check(bytes_now() <= MAX_BYTES, "more bytes than allowed");
}

static void *thread_main(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	struct sluice_object *held = NULL;
	for (unsigned i = 0; i < ROUNDS; i++)
		thread_step(&seed, &held);
	if (held)
		object_unref(held);
	return NULL;
}

TEST_CACHE(many_threads)
{
	pthread_t threads[THREADS];
	unsigned seeds[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		seeds[i] = i + 1;
		assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &seeds[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	uint64_t left = 0;
	for (unsigned i = 0; i < CACHE_SHARDS; i++) {
		list_each (e, &cache->shards[i].used)
			left += container_of(e, struct sluice_object, used)->cost;
	}
	assert_int_equal(bytes_now(), left); /* nothing is lost, nothing counted twice */
}
