/* Which certificate serves which name. */
#include <openssl/pem.h>
#include <stdio.h>

#include "../unit.h"
#include "certs.h"
#include "peers.h"
#include "tls/names.h"

static struct complaints_heard heard;
static struct names names;
static int n_added;

static void add(const char *name, const char *alt, enum cert_key key)
{
	struct certificate cert;
	struct pem pem;
	struct complaints c = { hear, &heard, 0 };
	cert_make(&(struct cert_wish){ .file = "n", .name = name, .alt = alt, .key = key });
	assert_true(pem_read(&pem, certs_dir(), STR("n.crt"), STR("n.key"), &c, n_added));
	assert_true(certificate_parse(&cert, &pem, NULL, &c, n_added));
	names_add(&names, &cert, &c, n_added++);
	certificate_free(&cert);
	pem_free(&pem);
}

static int set_up(void **state)
{
	(void)state;
	heard = (struct complaints_heard){ 0 };
	names = (struct names){ 0 };
	n_added = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	names_fini(&names);
	return 0;
}

static void assert_serves(const char *name, int rsa, int ec)
{
	const struct choice *c = &names.groups[names_find(&names, name)];
	if (c->certificate[KEY_RSA] != rsa || c->certificate[KEY_EC] != ec)
		fail_msg("%s is served by %d and %d, not %d and %d", name, c->certificate[KEY_RSA],
			c->certificate[KEY_EC], rsa, ec);
}

TEST_WITH(exact_before_wildcard_before_first, set_up, tear_down)
{
	add(NULL, "DNS:first.test", CERT_EC);
	add(NULL, "DNS:*.example.test", CERT_EC);
	add(NULL, "DNS:API.example.test,DNS:other.test", CERT_EC);
	names_finish(&names);
	assert_serves("first.test", -1, 0);
	assert_serves("www.example.test", -1, 1);
	assert_serves("WWW.EXAMPLE.TEST.", -1, 1);
	assert_serves("api.example.test", -1, 2);
	assert_serves("other.test", -1, 2);
	/* one label, not none and not two */
	assert_serves("example.test", -1, 0);
	assert_serves("a.b.example.test", -1, 0);
	assert_serves(".example.test", -1, 0);
	assert_serves("unknown.test", -1, 0);
	assert_serves("*.example.test", -1, 0);
	assert_serves("", -1, 0);
	assert_serves("a b.example.test", -1, 0);
	assert_int_equal(names.n_groups, 3);
	assert_int_equal(heard.warnings, 0);
}

TEST_WITH(common_name_only_without_alternatives, set_up, tear_down)
{
	add("first.test", NULL, CERT_EC);
	add("common.test", "DNS:alternative.test", CERT_EC);
	add("address.test", "IP:127.0.0.1", CERT_EC);
	names_finish(&names);
	assert_serves("first.test", -1, 0);
	assert_serves("common.test", -1, 0);
	assert_serves("alternative.test", -1, 1);
	assert_serves("address.test", -1, 0);
}

TEST_WITH(certificates_without_any_name, set_up, tear_down)
{
	add(NULL, "IP:127.0.0.1", CERT_EC);
	names_finish(&names);
	assert_int_equal(names.n, 0);
	assert_serves("any.test", -1, 0);
	assert_serves("", -1, 0);
}

TEST_WITH(two_kinds_of_key, set_up, tear_down)
{
	add(NULL, "DNS:a.test,DNS:b.test", CERT_RSA);
	add(NULL, "DNS:a.test,DNS:c.test", CERT_EC);
	names_finish(&names);
	assert_serves("a.test", 0, 1);
	assert_serves("b.test", 0, -1);
	assert_serves("c.test", -1, 1);
	/* unknown names get what the first name of the first certificate gets */
	assert_serves("unknown.test", 0, 1);
	assert_int_equal(names.n_groups, 3);
	assert_int_equal(heard.warnings, 0);
}

TEST_WITH(name_twice, set_up, tear_down)
{
	add(NULL, "DNS:a.test", CERT_EC);
	add(NULL, "DNS:A.test,DNS:b.test", CERT_EC);
	names_finish(&names);
	assert_serves("a.test", -1, 0);
	assert_serves("b.test", -1, 1);
	assert_int_equal(heard.warnings, 1);
	assert_non_null(strstr(heard.warning, "a.test is already served by certificates[0]"));
}

TEST_WITH(strange_names, set_up, tear_down)
{
	char big[400] = "DNS:";
	memset(big + 4, 'x', 300);
	add(NULL, "DNS:a*.test,DNS:*.,DNS:*.*.test,DNS:good.test", CERT_EC);
	assert_int_equal(heard.warnings, 3);
	add(NULL, big, CERT_EC);
	assert_int_equal(heard.warnings, 4);
	add("caf\xc3\xa9.test", NULL, CERT_EC); /* the name of a host has A-labels */
	assert_int_equal(heard.warnings, 5);
	add(NULL, NULL, CERT_EC);
	names_finish(&names);
	assert_serves("good.test", -1, 0);
	assert_serves("ax.test", -1, 0);
	assert_serves("caf\xc3\xa9.test", -1, 0);
	assert_int_equal(names.n, 1);
	memset(big, 'x', 300);
	big[300] = '\0';
	assert_serves(big, -1, 0);
}

TEST_WITH(many, set_up, tear_down)
{
	char alt[8000] = "";
	size_t at = 0;
	for (int i = 0; i < 300; i++)
		at += (size_t)snprintf(alt + at, sizeof(alt) - at, "%sDNS:n%d.test", i ? "," : "",
			i);
	add(NULL, "DNS:first.test", CERT_EC);
	add(NULL, alt, CERT_EC);
	names_finish(&names);
	assert_int_equal(names.n, 301);
	assert_serves("n0.test", -1, 1);
	assert_serves("n299.test", -1, 1);
	assert_serves("n300.test", -1, 0);
}

static int last(void **state)
{
	(void)state;
	certs_fini();
	return 0;
}

TEST_GROUP(NULL, last);
