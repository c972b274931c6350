/* The plugin ip-access in the kit: requests, connections, files, mistakes. */
#include <stdio.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

#define started(...) start_it(kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL))

static sluice_instance *start_it(sluice_instance *i)
{
	kit_start(i);
	return i;
}

/* The code for which a request from there is refused; "" when it passes. */
static const char *ask(sluice_instance *i, const char *client, const char *peer)
{
	static char code[64];
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_set_info(x, SLUICE_I_CLIENT_IP, client);
	kit_set_info(x, SLUICE_I_PEER, peer);
	sluice_verdict v = kit_run(x);
	(void)snprintf(code, sizeof(code), "%s",
		v == SLUICE_REPLY          ? kit_code(x)
			: v == SLUICE_NEXT ? ""
					   : "failed");
	kit_end(x);
	return code;
}

TEST_WITH(when_allow_is_given_all_others_are_refused, setup, NULL)
{
	sluice_instance *i =
		started("allow", "[10.0.0.0/8, '2001:db8::/32']", "deny", "[10.0.0.9]");
	assert_string_equal(ask(i, "10.1.1.1", "192.0.2.1"), "");
	assert_string_equal(ask(i, "::ffff:10.1.1.1", "192.0.2.1"), "");
	assert_string_equal(ask(i, "2001:db8::1", "192.0.2.1"), "");
	assert_string_equal(ask(i, "10.0.0.9", "192.0.2.1"), "address-denied");
	assert_string_equal(ask(i, "192.0.2.1", "10.1.1.1"), "address-not-allowed");
	assert_string_equal(ask(i, "unix", "unix"), "address-not-allowed");
	kit_stop(i);
}

TEST_WITH(deny_alone_refuses_these, setup, NULL)
{
	sluice_instance *i = started("deny", "10.0.0.0/8", "status", "404");
	assert_string_equal(ask(i, "192.0.2.1", "10.1.1.1"), "");
	assert_string_equal(ask(i, "unix", "unix"), "");
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_set_info(x, SLUICE_I_CLIENT_IP, "10.1.1.1");
	assert_int_equal(kit_run(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 404);
	assert_string_equal(kit_detail(x), "Access from this address is not allowed.");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(by_peer, setup, NULL)
{
	sluice_instance *i = started("allow", "[192.0.2.1, unix]", "by", "peer");
	assert_string_equal(ask(i, "10.1.1.1", "192.0.2.1"), "");
	assert_string_equal(ask(i, "10.1.1.1", "unix"), "");
	assert_string_equal(ask(i, "192.0.2.1", "10.1.1.1"), "address-not-allowed");
	kit_stop(i);
}

TEST_WITH(an_address_that_cannot_be_read_is_a_failure, setup, NULL)
{
	sluice_instance *i = started("deny", "10.0.0.0/8");
	assert_string_equal(ask(i, "unknown", "10.1.1.1"), "failed");
	kit_stop(i);
}

/* ---- connections --------------------------------------------------------------------------- */

/* The code for which a connection is refused; NULL when it is kept. client NULL: the peer is a
 * trusted proxy. */
static const char *connect_from(sluice_instance *i, const char *client, const char *peer)
{
	static char code[64];
	sluice_conn *c = kit_conn(i);
	kit_conn_set_info(c, SLUICE_I_CLIENT_IP, client);
	kit_conn_set_info(c, SLUICE_I_PEER, peer);
	bool refused = kit_connect(c) == SLUICE_REPLY;
	if (refused)
		(void)snprintf(code, sizeof(code), "%.*s", (int)strcspn(kit_conn_refused(c), ","),
			kit_conn_refused(c));
	kit_disconnect(c);
	return refused ? code : NULL;
}

TEST_WITH(drop_closes_connections, setup, NULL)
{
	sluice_instance *i = started("deny", "10.0.0.0/8", "drop", "true");
	assert_string_equal(connect_from(i, "10.0.0.1", "10.0.0.1"), "address-denied");
	assert_null(connect_from(i, "192.0.2.1", "192.0.2.1"));
	assert_null(connect_from(i, NULL, "10.0.0.1"));
	kit_stop(i);

	i = started("allow", "192.0.2.0/24", "drop", "true", "by", "peer");
	assert_null(connect_from(i, NULL, "192.0.2.1"));
	assert_string_equal(connect_from(i, NULL, "10.0.0.1"), "address-not-allowed");
	kit_stop(i);
}

TEST_WITH(without_drop_connections_are_kept, setup, NULL)
{
	sluice_instance *i = started("deny", "10.0.0.0/8");
	assert_null(connect_from(i, "10.0.0.1", "10.0.0.1"));
	kit_stop(i);
}

/* ---- files --------------------------------------------------------------------------------- */

TEST_WITH(a_file_is_exchanged, setup, NULL)
{
	kit_file("blocked.txt", "10.0.0.0/8 # once\n");
	kit_file("office.txt", "all\n");
	sluice_instance *i =
		started("allow", "file:office.txt", "deny", "['file:blocked.txt', 192.0.2.1]");
	assert_string_equal(ask(i, "10.1.1.1", "::1"), "address-denied");
	kit_file("blocked.txt", "172.16.0.0/12\n");
	kit_advance(5000); /* seen, and perhaps still being written */
	assert_string_equal(ask(i, "10.1.1.1", "::1"), "address-denied");
	kit_advance(250);
	assert_string_equal(ask(i, "10.1.1.1", "::1"), "");
	assert_string_equal(ask(i, "172.16.1.1", "::1"), "address-denied");
	assert_string_equal(ask(i, "192.0.2.1", "::1"), "address-denied");
	assert_non_null(strstr(kit_log(), "blocked.txt has changed: 1 networks"));
	kit_advance(60000);
	assert_string_equal(kit_log(), "");
	kit_stop(i);
}

TEST_WITH(a_file_that_moves_is_not_taken, setup, NULL)
{
	kit_file("blocked.txt", "10.0.0.0/8\n");
	sluice_instance *i = started("deny", "file:blocked.txt");
	kit_file("blocked.txt", "");
	kit_advance(5000);
	for (unsigned n = 0; n < 8; n++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "192.0.2.%u\n", n);
		kit_file("blocked.txt", text);
		kit_advance(250);
		assert_string_equal(ask(i, "10.1.1.1", "::1"), "address-denied");
	}
	kit_advance(250);
	assert_string_equal(ask(i, "192.0.2.7", "::1"), "address-denied");
	assert_string_equal(ask(i, "10.1.1.1", "::1"), "");
	kit_stop(i);
}

TEST_WITH(a_file_with_a_mistake_leaves_what_was, setup, NULL)
{
	kit_file("a.txt", "10.0.0.0/8\n");
	kit_file("b.txt", "192.0.2.0/24\n");
	sluice_instance *i = started("deny", "['file:a.txt', 'file:b.txt']");
	kit_file("a.txt", "# new\n172.16.0.0/12\n10.0.0.1/8\n");
	kit_file("b.txt", "198.51.100.0/24\n");
	kit_advance(5250);
	const char *log = kit_log();
	assert_non_null(strstr(log,
		"error: a.txt:3: the entry has bits behind the prefix; the network "
		"is 10.0.0.0/8; the file is not used"));
	assert_string_equal(ask(i, "10.1.1.1", "::1"), "address-denied");
	assert_string_equal(ask(i, "172.16.1.1", "::1"), "");
	assert_string_equal(ask(i, "198.51.100.1", "::1"),
		"address-denied"); /* of the other file */
	assert_string_equal(ask(i, "192.0.2.1", "::1"), "");
	kit_advance(60000);
	assert_string_equal(kit_log(), ""); /* said once */
	kit_file("a.txt", "172.16.0.0/12\n");
	kit_advance(5250);
	assert_string_equal(ask(i, "172.16.1.1", "::1"), "address-denied");
	kit_stop(i);
}

TEST_WITH(a_file_that_is_gone_leaves_what_was, setup, NULL)
{
	kit_file("a.txt", "10.0.0.0/8\n");
	sluice_instance *i = started("deny", "file:a.txt", "refresh", "1s");
	kit_file("a.txt", NULL);
	kit_advance(5000);
	const char *line = strstr(kit_log(),
		"cannot read a.txt: No such file or directory; what it "
		"said last stays in force");
	assert_non_null(line);
	assert_null(strstr(line + 1, "cannot"));
	assert_string_equal(ask(i, "10.1.1.1", "::1"), "address-denied");
	kit_file("a.txt", "10.0.0.0/8\n");
	kit_advance(5000);
	assert_non_null(strstr(kit_log(), "a.txt can be read again"));
	kit_stop(i);
}

TEST_WITH(without_files_there_is_no_timer, setup, NULL)
{
	sluice_instance *i = started("deny", "10.0.0.0/8");
	assert_false(kit_timer(i, NULL));
	kit_stop(i);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void refused(const char *option, const char *value, const char *says)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, option, value, NULL);
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), says))
		fail_msg("\"%s\" does not say \"%s\"", kit_errors(i), says);
	kit_stop(i);
}

TEST_WITH(mistakes, setup, NULL)
{
	kit_file("bad.txt", "10.0.0.0/8\n\nlocalhost\n");
	refused("by", "peer", "neither allow nor deny has an entry");
	refused("allow", "[10.0.0.0/8, 10.0.0.1/8]",
		"allow[1]: \"10.0.0.1/8\" has bits behind the prefix; the network is 10.0.0.0/8");
	refused("deny", "example.com", "deny: \"example.com\" is no address");
	refused("deny", "file:none.txt", "deny: cannot read none.txt: No such file");
	refused("deny", "file:.", "deny: cannot read .: ");
	refused("deny", "['file:']", "deny[0]: file: must be followed by a path");
	refused("deny", "[10.0.0.1, 'file:bad.txt']",
		"deny[1]: bad.txt:3: the entry is no address");
}
