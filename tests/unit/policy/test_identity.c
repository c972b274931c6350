/* policy/identity and policy/consumer: who calls, and what is known of him. */
#include "policy/attr.h"
#include "policy/consumer.h"
#include "policy/identity.h"
#include "walk_kit.h"

static sluice_pair gold[] = { { { "consumer:plan", sizeof("consumer:plan") - 1 },
	{ "gold", sizeof("gold") - 1 } } };
static const struct consumer known[] = {
	{ .name = { "alice", sizeof("alice") - 1 },
		.groups = { "admins", sizeof("admins") - 1 },
		.facts = { gold, 1 },
		.is_tied = true },
	{ .name = { "bob", sizeof("bob") - 1 } },
};
static const struct consumer_identity ties[] = {
	{ { "part-0", sizeof("part-0") - 1 }, { "sub-1", sizeof("sub-1") - 1 }, &known[0] },
	{ { "part-1", sizeof("part-1") - 1 }, { "al", sizeof("al") - 1 }, &known[0] },
};

static const char *fact(const char *name)
{
	static char text[64];
	sluice_str v = attr_find(walk, str_of(name));
	if (!v.data)
		return "-";
	(void)snprintf(text, sizeof(text), "%.*s", STR_ARG(v));
	return text;
}

static bool identify(unsigned n, const char *name, const char *groups, sluice_pairs facts)
{
	const sluice_identity who = { .size = sizeof(who),
		.name = str_of(name),
		.groups = str_of(groups),
		.facts = facts };
	walk_enter(n);
	bool is = sluice_identify(walk, &who);
	walk_leave();
	return is;
}

/* The instance of the plugin n has this name in ties. */
static void begin(struct arena *a)
{
	size_t twice = 0;
	walk_begin(2, "", 0);
	arena_init(a, 0);
	((sluice_instance *)items[0].inst)->name = STR("part-0");
	((sluice_instance *)items[1].inst)->name = STR("part-1");
	walk->keeper->consumers = consumers_new(a, known, 2, ties, 2, &twice);
	assert_non_null(walk->keeper->consumers);
}

static void end(struct arena *a)
{
	walk->keeper->consumers = NULL;
	walk_end();
	arena_fini(a);
}

TEST(without_consumers)
{
	sluice_pair v = { STR("plan"), STR("free") };
	walk_begin(1, "", 0);
	assert_true(identify(0, "carol", "a,b", (sluice_pairs){ &v, 1 }));
	assert_string_equal(fact("consumer"), "carol");
	assert_string_equal(fact("groups"), "a,b");
	assert_string_equal(fact("consumer:plan"), "free");
	walk_end();
}

TEST(one_consumer_by_several_identities)
{
	struct arena a;
	begin(&a);
	assert_true(identify(0, "sub-1", "staff", (sluice_pairs){ NULL, 0 }));
	assert_string_equal(fact("consumer"), "alice");
	assert_string_equal(fact("groups"), "staff,admins");
	assert_string_equal(fact("consumer:plan"), "gold");
	assert_true(identify(1, "al", "", (sluice_pairs){ NULL, 0 }));
	assert_string_equal(fact("consumer"), "alice");
	assert_string_equal(fact("groups"), "admins");
	end(&a);
}

TEST(nobody_takes_the_name_of_a_consumer)
{
	struct arena a;
	begin(&a);
	assert_true(identify(1, "alice", "", (sluice_pairs){ NULL, 0 }));
	assert_string_equal(fact("consumer"), "part-1:alice");
	assert_true(identify(0, "part-1:alice", "", (sluice_pairs){ NULL, 0 }));
	assert_string_equal(fact("consumer"), "part-0:part-1:alice");
	assert_string_equal(fact("consumer:plan"), "-");
	assert_true(identify(1, "sub-1", "", (sluice_pairs){ NULL, 0 }));
	assert_string_equal(fact("consumer"), "sub-1");
	assert_true(identify(1, "bob", "", (sluice_pairs){ NULL, 0 }));
	assert_string_equal(fact("consumer"), "bob");
	end(&a);
}

TEST(the_consumer_knows_better)
{
	struct arena a;
	sluice_pair v[] = { { STR("plan"), STR("free") }, { STR("key"), STR("7") } };
	begin(&a);
	assert_true(identify(0, "sub-1", "", (sluice_pairs){ v, 2 }));
	assert_string_equal(fact("consumer:plan"), "gold");
	assert_string_equal(fact("consumer:key"), "7");
	end(&a);
}

TEST(another_identity_has_nothing_of_the_first)
{
	struct arena a;
	begin(&a);
	assert_true(identify(0, "sub-1", "staff", (sluice_pairs){ NULL, 0 }));
	assert_true(identify(0, "mallory", "", (sluice_pairs){ NULL, 0 }));
	assert_string_equal(fact("consumer"), "mallory");
	assert_string_equal(fact("groups"), "-");
	assert_string_equal(fact("consumer:plan"), "-");
	end(&a);
}

TEST(refused)
{
	const sluice_identity small = { .size = 8, .name = STR("a") };
	walk_begin(1, "", 0);
	assert_false(identify(0, "", "", (sluice_pairs){ NULL, 0 }));
	walk_enter(0);
	assert_false(sluice_identify(walk, &small));
	assert_false(sluice_identify(walk, NULL));
	walk_leave();
	assert_string_equal(fact("consumer"), "-");
	walk_end();
}

TEST(an_identity_is_one_consumer)
{
	struct arena a;
	size_t twice = 0;
	const struct consumer_identity same[] = { ties[0], ties[1],
		{ STR("part-0"), STR("sub-1"), &known[1] } };
	arena_init(&a, 0);
	assert_null(consumers_new(&a, known, 2, same, 3, &twice));
	assert_int_equal(twice, 2);
	arena_fini(&a);
}

TEST_GROUP(walk_setup, walk_teardown);
