/* policy/record: records and rows of other headers. */
#include "policy/record.h"

#include "unit.h"

static struct arena a;
static char why[RECORD_WHY];

/* A row of an older header, if the last member were new, and of a newer one. */
struct newer_row {
	sluice_option row;
	uint64_t more[2];
};
struct newer_record {
	sluice_plugin record;
	uint64_t more;
};

static sluice_plugin record_of(uint32_t size)
{
	return (sluice_plugin){ .abi = SLUICE_ABI,
		.size = size,
		.host_size = sizeof(sluice_host),
		.option_size = sizeof(sluice_option),
		.name = "a" };
}

TEST(what_an_older_header_did_not_have_is_zero)
{
	sluice_plugin r = record_of(offsetof(sluice_plugin, on_refresh) + sizeof(void *)), out;
	static const char *const names[] = { NULL };
	r.provides = names; /* what happens to lie behind it */
	assert_true(record_read(&r, &a, &out, why));
	assert_string_equal(out.name, "a");
	assert_null(out.provides);
	r.size--;
	assert_false(record_read(&r, &a, &out, why));
	assert_non_null(strstr(why, "1 bytes short"));
}

TEST(what_only_a_newer_gateway_knows)
{
	struct newer_record r = { .record = record_of(sizeof(r)) };
	sluice_plugin out;
	assert_true(record_read(&r.record, &a, &out, why));
	r.more = 1;
	assert_false(record_read(&r.record, &a, &out, why));
	assert_non_null(strstr(why, "newer header"));
	r.more = 0;
	/* it may call a service that is not there */
	r.record.host_size = sizeof(sluice_host) + sizeof(void *);
	assert_false(record_read(&r.record, &a, &out, why));
	assert_non_null(strstr(why, "SLUICE_HOST_NEEDED"));
	r.record.host_size = SLUICE_UP_TO(resume); /* what it said */
	assert_true(record_read(&r.record, &a, &out, why));
}

TEST(rows_of_another_size)
{
	struct newer_row inner[] = { { { .name = "b", .doc = "b" }, { 0 } }, { { 0 }, { 0 } } };
	struct newer_row rows[] = { { { .name = "a", .sub = &inner[0].row, .doc = "a" }, { 0 } },
		{ { .name = "again", .sub = &rows[0].row, .doc = "itself" }, { 0 } },
		{ { 0 }, { 0 } } };
	sluice_plugin r = record_of(sizeof(r)), out;
	r.options = &rows[0].row;
	r.option_size = sizeof(rows[0]);
	assert_true(record_read(&r, &a, &out, why));
	assert_string_equal(out.options[0].name, "a");
	assert_string_equal(out.options[0].sub[0].name, "b");
	assert_null(out.options[0].sub[1].name);
	assert_ptr_equal(out.options[1].sub, out.options);
	assert_null(out.options[2].name);
	inner[0].more[1] = 1;
	assert_false(record_read(&r, &a, &out, why));
	assert_non_null(strstr(why, "newer gateway"));
	r.option_size = 8;
	assert_false(record_read(&r, &a, &out, why));
	assert_non_null(strstr(why, "rows"));
}

static int setup(void **state)
{
	(void)state;
	arena_init(&a, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&a);
	return 0;
}

TEST_GROUP(setup, teardown);
