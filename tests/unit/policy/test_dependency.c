/* policy/dependency: what plugins tell of what they depend on. */
#include "policy/dependency.h"
#include "walk_kit.h"

static sluice_instance *inst;

static void begin(void)
{
	walk_begin(1, "", 0);
	(void)walk_request();
	inst = (sluice_instance *)items[0].inst;
}

static void end(void)
{
	dependencies_free(&inst->dependencies);
	assert_null(inst->dependencies);
	walk_end();
}

static unsigned count(void)
{
	unsigned n = 0;
	for (const struct dependency *d = inst->dependencies; d; d = d->next)
		n++;
	return n;
}

static void tell(const char *name, sluice_dependency_state state, const char *text)
{
	/* in memory that is gone afterwards */
	char *copy = malloc(strlen(name) + strlen(text) + 2);
	strcpy(copy, name);
	strcpy(copy + strlen(name) + 1, text);
	const sluice_dependency d = { .size = sizeof(d),
		.name = str_of(copy),
		.state = state,
		.text = str_of(copy + strlen(name) + 1),
		.source = str_of(copy),
		.ready_wait_ms = 5000,
		.failures = 3 };
	sluice_dependency_set(inst, &d);
	free(copy);
}

TEST(what_is_told_replaces_what_was_told)
{
	begin();
	tell("a", SLUICE_DEPENDENCY_AWAITED, "it is away");
	tell("b", SLUICE_DEPENDENCY_OK, "");
	tell("a", SLUICE_DEPENDENCY_FAILING, "it is away again");
	assert_int_equal(count(), 2);
	const struct dependency *a = inst->dependencies;
	assert_str(a->told.name, "a");
	assert_str(a->told.source, "a");
	assert_str(a->told.text, "it is away again");
	assert_int_equal(a->told.state, SLUICE_DEPENDENCY_FAILING);
	assert_int_equal(a->told.failures, 3);
	assert_true(dependency_is_usable(a));
	assert_string_equal(dependency_state_name(a->told.state), "failing");
	end();
}

TEST(readiness_waits_for_the_first_time_and_not_for_ever)
{
	begin();
	tell("a", SLUICE_DEPENDENCY_AWAITED, "");
	const struct dependency *d = inst->dependencies;
	assert_true(dependency_holds_ready(d, 0));
	assert_true(dependency_holds_ready(d, 5000 * NS_PER_MS - 1));
	assert_false(dependency_holds_ready(d, 5000 * NS_PER_MS));
	assert_false(dependency_is_usable(d));
	tell("a", SLUICE_DEPENDENCY_OK, "");
	assert_false(dependency_holds_ready(d, 0));
	tell("a", SLUICE_DEPENDENCY_LOST, "");
	assert_false(dependency_holds_ready(d, 0));
	assert_false(dependency_is_usable(d));
	end();
}

TEST(there_are_not_too_many_and_none_is_malformed)
{
	static char text[DEPENDENCY_TEXT + 100], name[DEPENDENCY_NAME + 2];
	begin();
	for (int i = 0; i < DEPENDENCIES_MAX + 3; i++) {
		char number[16];
		(void)snprintf(number, sizeof(number), "%d", i);
		tell(number, SLUICE_DEPENDENCY_OK, "");
	}
	assert_int_equal(count(), DEPENDENCIES_MAX);
	memset(text, 'x', sizeof(text) - 1);
	tell("0", SLUICE_DEPENDENCY_FAILING, text); /* one that is there still changes */
	assert_int_equal(inst->dependencies->told.text.len, DEPENDENCY_TEXT);
	dependencies_free(&inst->dependencies);
	memset(name, 'n', sizeof(name) - 1);
	tell(name, SLUICE_DEPENDENCY_OK, "");
	tell("", SLUICE_DEPENDENCY_OK, "");
	tell("a", (sluice_dependency_state)(SLUICE_DEPENDENCY_LOST + 1), "");
	const sluice_dependency old = { .size = 8, .name = STR("a") };
	sluice_dependency_set(inst, &old);
	assert_int_equal(count(), 0);
	name[DEPENDENCY_NAME] = 0;
	tell(name, SLUICE_DEPENDENCY_OK, "");
	assert_int_equal(count(), 1);
	end();
}

TEST_GROUP(walk_setup, walk_teardown);
