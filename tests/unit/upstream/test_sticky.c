/* upstream/sticky: tokens that name servers. */
#include "upstream/sticky.h"

#include "balance_kit.h"

static struct bench bench;
static struct sticky sticky;
static struct sticky_conf conf;

static void start(unsigned n_keys, const sluice_str *keys, unsigned servers)
{
	conf = (struct sticky_conf){ .cookie = STR("lb"), .key = { keys, n_keys } };
	bench_init(&bench, "shop", BALANCE_ROUND_ROBIN, NULL);
	sticky_init(&sticky, &conf, STR("shop"));
	bench.balance.sticky = &sticky;
	bench_add_many(&bench, servers);
}

static void end(void)
{
	bench_fini(&bench);
	sticky_fini(&sticky);
}

static void token(unsigned i, struct sticky_token *t)
{
	assert_false(sticky_is_newest(bench.candidates[i], NULL, t));
}

static int stay(const struct sticky_token *t)
{
	return bench_ask(&bench, &(struct balance_ask){ .stays = t });
}

static const sluice_str keys[] = { { "0123456789abcdef", 16 }, { "fedcba9876543210", 16 } };

TEST(a_token_names_its_server)
{
	struct sticky_token t;
	start(1, keys, 100);
	for (unsigned i = 0; i < 100; i++) {
		token(i, &t);
		for (int k = 0; k < 3; k++)
			assert_int_equal(stay(&t), (int)i);
	}
	end();
}

TEST(texts_are_read_back)
{
	struct sticky_token t, back;
	char text[STICKY_TEXT];
	start(1, keys, 20);
	for (unsigned i = 0; i < 20; i++) {
		token(i, &t);
		sticky_write(&t, text);
		assert_true(sticky_read(str_n(text, STICKY_TEXT), &back));
		assert_memory_equal(&t, &back, sizeof(t));
		/* other bits behind the last byte are another text, and no token */
		text[STICKY_TEXT - 1] = text[STICKY_TEXT - 1] == 'B' ? 'C' : 'B';
		assert_false(sticky_read(str_n(text, STICKY_TEXT), &back));
	}
	assert_false(sticky_read(STR(""), &back));
	assert_false(sticky_read(STR("AAAAAAAAAAAAAAAAAAAAA"), &back));
	assert_false(sticky_read(STR("AAAAAAAAAAAAAAAAAAAAAAA"), &back));
	assert_false(sticky_read(STR("AAAAAAAAAAA+AAAAAAAAAA"), &back));
	assert_false(sticky_read(STR("AAAAAAAAAAA\0AAAAAAAAAA"), &back));
	assert_true(sticky_read(STR("AAAAAAAAAAA-AAAA_AAAAA"), &back));
	end();
}

/* Clients have it, so it must stay the same over versions: the first 16 bytes of the HMAC by
 * another program, of "shop", a zero byte and the server's key. */
TEST(a_token_is_the_same_in_every_process)
{
	struct sticky_token t;
	char text[STICKY_TEXT + 1] = "";
	start(1, keys, 1);
	token(0, &t);
	sticky_write(&t, text);
	assert_string_equal(text, "2oliXP0XjWeX1sS6ZC30bg");
	end();
}

TEST(forged_tokens_are_ignored)
{
	struct sticky_token t;
	start(1, keys, 3);
	token(1, &t);
	for (int i = 0; i < STICKY_BYTES; i++) {
		t.v[i] ^= 1;
		assert_null(sticky_find(&sticky, &t));
		assert_true(stay(&t) >= 0); /* the algorithm chooses */
		t.v[i] ^= 1;
	}
	assert_non_null(sticky_find(&sticky, &t));
	end();
}

TEST(another_upstream_or_key_makes_other_tokens)
{
	struct sticky_token a, b;
	start(1, keys, 1);
	token(0, &a);
	end();
	start(1, keys + 1, 1);
	token(0, &b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_null(sticky_find(&sticky, &a));
	bench_remove(&bench, 0);
	sticky.upstream = STR("other");
	bench_add(&bench, 0, TIER_LOCAL, 1);
	token(0, &a);
	assert_memory_not_equal(&a, &b, sizeof(a));
	end();
}

TEST(keys_rotate)
{
	static const sluice_str rotated[] = { { "fedcba9876543210", 16 },
		{ "0123456789abcdef", 16 } };
	struct sticky_token old, new;
	start(1, keys, 5);
	token(3, &old);
	end();
	start(2, rotated, 5);
	token(3, &new);
	assert_memory_not_equal(&old, &new, sizeof(old));
	assert_int_equal(stay(&old), 3);
	assert_int_equal(stay(&new), 3);
	assert_false(sticky_is_newest(bench.candidates[3], &old, &old));
	assert_memory_equal(&old, &new, sizeof(old));
	assert_true(sticky_is_newest(bench.candidates[3], &new, &old));
	end();
}

TEST(a_key_of_the_process_does_without_a_file)
{
	struct sticky_token a, b;
	start(0, NULL, 2);
	token(0, &a);
	assert_int_equal(stay(&a), 0);
	end();
	start(0, NULL, 2); /* as after a reload */
	token(0, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	end();
}

TEST(who_is_down_full_tried_or_gone_is_left)
{
	struct sticky_token t;
	start(1, keys, 3);
	token(1, &t);
	uint64_t tried = bench.endpoints[1]->id;
	int other = bench_ask(&bench,
		&(struct balance_ask){ .stays = &t, .tried = &tried, .n_tried = 1 });
	assert_int_not_equal(other, 1);
	bench.endpoints[1]->bounds.max_links = 1;
	bench_load(&bench, 1, 1);
	assert_int_not_equal(stay(&t), 1);
	bench_load(&bench, 1, -1);
	assert_int_equal(stay(&t), 1);
	bench_down(&bench, 1);
	assert_int_not_equal(stay(&t), 1);
	bench_up(&bench, 1);
	assert_int_equal(stay(&t), 1);
	bench_remove(&bench, 1);
	assert_int_not_equal(stay(&t), 1);
	end();
}

TEST(clients_stay_with_a_server_of_weight_0)
{
	struct sticky_token t;
	unsigned counts[BENCH_MOST];
	start(1, keys, 3);
	token(1, &t);
	balance_set_weight(bench.candidates[1], 0);
	assert_int_equal(stay(&t), 1);
	bench_count(&bench, 30, counts);
	assert_int_equal(counts[1], 0);
	assert_int_equal(counts[0], 15);
	balance_set_weight(bench.candidates[1], 1);
	bench_count(&bench, 30, counts);
	assert_in_range(counts[1], 9, 11);
	end();
}

TEST_GROUP(kit_setup, kit_teardown);
