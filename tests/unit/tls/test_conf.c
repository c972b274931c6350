/* The rows of the tls blocks: sound, and what they make of a file. */
#include "tls/conf.h"

#include "../unit.h"
#include "config/bind.h"
#include "config/table.h"
#include "config/yaml.h"

static struct arena arena;
static struct diag diag;

/* Errors found. */
static unsigned bind_text(const char *text, const sluice_option *table, void *out)
{
	static const struct env nothing = { 0 };
	struct bind b;
	arena_init(&arena, 0);
	diag_init(&diag);
	const struct node *root = yaml_parse(&arena, &diag, &nothing, "t.yaml", str_of(text));
	assert_non_null(root);
	bind_init(&b, &arena, &diag, NULL);
	int r = bind_map(&b, root, table, out);
	assert_int_equal(r<0, diag.n_errors> 0);
	bind_fini(&b);
	return diag.n_errors;
}

static void release(void)
{
	diag_fini(&diag);
	arena_fini(&arena);
	arena_thread_fini();
}

TEST(sound)
{
	char why[256];
	if (table_check(tls_server_options, sizeof(struct tls_server_conf), false, why,
		    sizeof(why)) < 0)
		fail_msg("%s", why);
	if (table_check(tls_client_options, sizeof(struct tls_client_conf), false, why,
		    sizeof(why)) < 0)
		fail_msg("%s", why);
}

TEST(server)
{
	struct tls_server_conf c = { 0 };
	assert_int_equal(
		bind_text("certificates: [ { certificate: a.crt, private_key: a.key }, b.pem ]\n",
			tls_server_options, &c),
		0);
	assert_int_equal(c.certificates.n, 2);
	const struct tls_certificate_conf *v = c.certificates.v;
	assert_str(v[0].certificate, "a.crt");
	assert_str(v[0].private_key, "a.key");
	assert_str(v[1].certificate, "b.pem");
	assert_int_equal(v[1].private_key.len, 0);
	assert_int_equal(c.min_version, TLS_1_2);
	assert_int_equal(c.max_version, TLS_1_3);
	assert_true(c.session_tickets);
	assert_int_equal(c.session_timeout, 3600000);
	assert_true(c.ciphers.len > 0);
	assert_int_equal(c.curves.len, 0);
	release();
}

TEST(server_mistakes)
{
	struct tls_server_conf c = { 0 };
	assert_int_equal(bind_text("min_version: 1.3\nsession_timeout: 13h\n", tls_server_options,
				 &c),
		2);
	assert_int_equal(c.min_version, TLS_1_3);
	release();
	c = (struct tls_server_conf){ 0 };
	assert_int_equal(bind_text("certificates: []\nmin_version: 1.1\n", tls_server_options, &c),
		2);
	release();
}

TEST(client)
{
	struct tls_client_conf c = { 0 };
	assert_int_equal(bind_text("{}\n", tls_client_options, &c), 0);
	assert_true(c.verify);
	release();
	c = (struct tls_client_conf){ 0 };
	assert_int_equal(bind_text("verify: false\nca: ca.pem\nserver_name: a.test\n",
				 tls_client_options, &c),
		0);
	assert_false(c.verify);
	assert_str(c.ca, "ca.pem");
	assert_str(c.server_name, "a.test");
	release();
}
