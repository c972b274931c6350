/* contrib/plugin-examples/gate, and with it connections of the kit: who may connect. */
#include <stdio.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static sluice_instance *i;

static void begin(const char *option, const char *value)
{
	kit_reset();
	i = option ? kit_instance(&sluice_plugin_record, "rate", "3/s", option, value, NULL)
		   : kit_instance(&sluice_plugin_record, "rate", "3/s", NULL);
	kit_start(i);
}

static void end(void)
{
	kit_stop(i);
}

/* Why a client of that address is refused; "": it is not. */
static const char *knock(const char *ip)
{
	static char why[160];
	sluice_conn *c = kit_conn(i);
	kit_conn_set_info(c, SLUICE_I_CLIENT_IP, ip);
	sluice_verdict v = kit_connect(c);
	assert_int_equal(v, kit_conn_refused(c) ? SLUICE_REPLY : SLUICE_NEXT);
	(void)snprintf(why, sizeof(why), "%s", kit_conn_refused(c) ? kit_conn_refused(c) : "");
	kit_disconnect(c);
	return why;
}

TEST(a_peer_that_connects_too_often)
{
	static const char refused[] = "connects-too-often, by plugin instance \"instance\"";
	begin(NULL, NULL);
	for (int n = 0; n < 3; n++)
		assert_string_equal(knock("192.0.2.1"), "");
	assert_string_equal(knock("192.0.2.1"), refused);
	assert_string_equal(knock("192.0.2.2"), "");
	kit_advance(334);
	assert_string_equal(knock("192.0.2.1"), "");
	assert_string_equal(knock("192.0.2.1"), refused);
	for (int n = 0; n < 3; n++) /* addresses of one network */
		assert_string_equal(knock(n % 2 ? "2001:db8::1" : "2001:db8::2"), "");
	assert_string_equal(knock("2001:db8::3"), refused);
	assert_string_equal(knock("2001:db8:0:1::1"), "");
	end();
}

TEST(a_trusted_proxy_is_not_limited)
{
	begin(NULL, NULL);
	for (int n = 0; n < 10; n++) {
		sluice_conn *c = kit_conn(i);
		kit_conn_set_info(c, SLUICE_I_CLIENT_IP, NULL);
		assert_int_equal(kit_connect(c), SLUICE_NEXT);
		kit_disconnect(c);
	}
	end();
}

static sluice_conn *connect_with(sluice_info what, const char *value)
{
	sluice_conn *c = kit_conn(i);
	kit_conn_set_info(c, SLUICE_I_CLIENT_IP, NULL);
	kit_conn_set_info(c, what, value);
	assert_int_equal(kit_connect(c), SLUICE_NEXT);
	return c;
}

TEST(the_name_that_a_client_asks_for)
{
	begin("names", "[a.test, b.test]");
	sluice_conn *c = connect_with(SLUICE_I_TLS_SNI, "B.test");
	assert_int_equal(kit_secure(c), SLUICE_NEXT);
	kit_disconnect(c);
	c = connect_with(SLUICE_I_TLS_SNI, "c.test");
	assert_int_equal(kit_secure(c), SLUICE_REPLY);
	assert_string_equal(kit_conn_refused(c), "unknown-name, by plugin instance \"instance\"");
	kit_disconnect(c);
	end();
}

TEST(requests_have_the_guest_of_their_connection)
{
	begin("guests", "{abc: alice, def: bob}");
	sluice_conn *c = connect_with(SLUICE_I_CLIENT_CERT_SHA256, "def");
	assert_int_equal(kit_secure(c), SLUICE_NEXT);
	for (int n = 0; n < 2; n++) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		kit_come_by(x, c);
		assert_int_equal(kit_run(x), SLUICE_NEXT);
		assert_string_equal(kit_attr(x, "guest"), "bob");
		kit_end(x);
	}
	kit_disconnect(c);
	c = connect_with(SLUICE_I_CLIENT_CERT_SHA256, "012");
	assert_int_equal(kit_secure(c), SLUICE_REPLY);
	kit_disconnect(c);
	sluice_exchange *x = kit_request(i, "GET", "/", NULL); /* by a connection that is older */
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_null(kit_attr(x, "guest"));
	kit_end(x);
	end();
}
