/* contrib/plugin-examples/file-servers: what the file says is what the upstreams have. */
#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static sluice_instance *i;

static int begin(void **state)
{
	(void)state;
	kit_reset();
	kit_file("servers.txt",
		"# UPSTREAM ADDRESS WEIGHT\n"
		"app 10.0.0.2:80\r\n"
		"app\t10.0.0.1:80 3 # the big one\n"
		"\n"
		"other other.internal:8080\n"
		"apple 10.9.9.9:80\n");
	i = kit_instance(&sluice_plugin_record, "file", "servers.txt", "every", "1s", NULL);
	kit_start(i);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kit_stop(i);
	return 0;
}

TEST_WITH(servers_are_there_from_the_start, begin, end)
{
	assert_int_equal(kit_discover(i, "app"), 0);
	assert_string_equal(kit_servers("app"), "10.0.0.1:80*3 10.0.0.2:80");
	assert_null(kit_servers("other"));
	assert_int_equal(kit_discover(i, "other"), 0);
	assert_string_equal(kit_servers("other"), "other.internal:8080");
}

TEST_WITH(the_file_is_read_again, begin, end)
{
	assert_int_equal(kit_discover(i, "app"), 0);
	assert_int_equal(kit_discover(i, "other"), 0);
	kit_file("servers.txt", "app 10.0.0.7:80\nother 10.0.0.8:80 100\n");
	kit_advance(1000);
	assert_string_equal(kit_servers("app"), "10.0.0.7:80");
	assert_string_equal(kit_servers("other"), "10.0.0.8:80*100");
	/* and again */
	kit_file("servers.txt", "app 10.0.0.9:80\nother 10.0.0.8:80 100\n");
	kit_advance(1000);
	assert_string_equal(kit_servers("app"), "10.0.0.9:80");
}

TEST_WITH(what_cannot_be_changes_nothing, begin, end)
{
	static const char *const texts[] = { "app nowhere\n", "app 10.0.0.1:80 0\n",
		"app 10.0.0.1:80 101\n", "app 10.0.0.1:80 x\n", "app\n",
		"app 10.0.0.1:80\napp 10.0.0.1:80\n", "", "# nothing\n" };
	assert_int_equal(kit_discover(i, "app"), 0);
	for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
		kit_file("servers.txt", texts[n]);
		kit_advance(1000);
		assert_string_equal(kit_servers("app"), "10.0.0.1:80*3 10.0.0.2:80");
	}
	kit_file("servers.txt", NULL);
	(void)kit_log();
	kit_advance(5000);
	assert_non_null(strstr(kit_log(), "warn: servers.txt cannot be read"));
	kit_advance(5000);
	assert_string_equal(kit_log(), ""); /* once */
	assert_string_equal(kit_servers("app"), "10.0.0.1:80*3 10.0.0.2:80");
	kit_file("servers.txt", "app 10.0.0.5:80\n");
	kit_advance(1000);
	assert_string_equal(kit_servers("app"), "10.0.0.5:80");
}

TEST_WITH(an_upstream_that_is_gone, begin, end)
{
	assert_int_equal(kit_discover(i, "app"), 0);
	assert_int_equal(kit_discover(i, "other"), 0);
	kit_forget_upstream("app");
	kit_file("servers.txt", "app 10.0.0.7:80\nother 10.0.0.8:80\n");
	kit_advance(1000);
	assert_null(kit_servers("app"));
	assert_string_equal(kit_servers("other"), "10.0.0.8:80");
	/* it comes back */
	assert_int_equal(kit_discover(i, "app"), 0);
	assert_string_equal(kit_servers("app"), "10.0.0.7:80");
}
