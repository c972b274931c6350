/* Upstreams and fetches over TLS: who is trusted, under which name, and what a reload keeps. */
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kit.h"
#include "net/resolve.h"
#include "tls/client.h"
#include "tls/info.h"
#include "tls/transport.h"
#include "upstream/fetch.h"

static char dir[] = "/tmp/sluice-tls-XXXXXX";
static SSL_CTX *server_ctx;
static struct test_server server;
static struct test_conf conf;

/* A certificate that signs itself. Where it is written: NAME.pem. */
static void make_certificate(const char *name, const char *alt, X509 **cert, EVP_PKEY **key)
{
	char path[128];
	X509 *x = X509_new();
	X509V3_CTX v3;
	*key = EVP_EC_gen("P-256");
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, *key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &v3, NID_subject_alt_name, alt);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(x, *key, EVP_sha256()) > 0);
	(void)snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, x), 1);
	(void)fclose(f);
	*cert = x;
}

static int setup(void **state)
{
	X509 *cert, *other;
	EVP_PKEY *key, *other_key;
	if (kit_setup(state) < 0 || !mkdtemp(dir))
		return -1;
	make_certificate("good", "DNS:localhost,IP:127.0.0.1", &cert, &key);
	make_certificate("other", "DNS:localhost", &other, &other_key);
	server_ctx = SSL_CTX_new(TLS_server_method());
	(void)SSL_CTX_use_certificate(server_ctx, cert);
	(void)SSL_CTX_use_PrivateKey(server_ctx, key);
	X509_free(cert);
	X509_free(other);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
	server_up_tls(&server, "secret", server_ctx);
	return 0;
}

static int teardown(void **state)
{
	char path[128];
	server_down(&server);
	SSL_CTX_free(server_ctx);
	(void)snprintf(path, sizeof(path), "%s/good.pem", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/other.pem", dir);
	(void)unlink(path);
	(void)rmdir(dir);
	int r = kit_teardown(state);
	tls_thread_fini();
	return r;
}

static struct tls_client *client_of(const char *ca, const char *name)
{
	struct tls_client_conf c = { .verify = true,
		.ca = str_of(ca),
		.server_name = str_of(name) };
	const struct tls_client_args args = { .conf = &c, .dir = dir, .workers = 1 };
	struct tls_client *t = tls_client_new(&args);
	assert_non_null(t);
	return t;
}

static struct upstream *attach(const char *address, struct tls_client *tls)
{
	conf_make(&conf, "test", (const char *[]){ address, NULL });
	conf.conf.use_tls = true;
	return upstream_attach(&kit_worker, &conf.conf, tls, 1, NULL);
}

TEST(verified)
{
	struct probe p;
	char named[32];
	struct tls_client *tls = client_of("good.pem", NULL);
	struct upstream *u = attach(server.address, tls); /* by its IP address */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(kit_get(u, &p), 0);
		assert_string_equal(p.body, "secret");
		assert_int_equal(p.call.reused, i > 0);
		kit_pass(30); /* tickets come while it idles, and are no reason to close it */
	}
	assert_int_equal(kit_view(server.address).connects, 1);
	upstream_detach(&u);
	(void)snprintf(named, sizeof(named), "localhost:%u", server.port);
	u = attach(named, tls);
	assert_int_equal(kit_get(u, &p), 0);
	assert_str(kit_view(server.address).host, "localhost");
	upstream_detach(&u);
	tls_client_free(&tls);
}

TEST(not_verified)
{
	static const char *const cas[] = { "other.pem", "good.pem" },
				 *const names[] = { NULL, "elsewhere.example" };
	struct probe p;
	for (int i = 0; i < 2; i++) {
		struct tls_client *tls = client_of(cas[i], names[i]);
		struct upstream *u = attach(server.address, tls);
		unsigned served = atomic_load(&server.served);
		for (int k = 0; k < 3; k++)
			assert_int_equal(kit_get(u, &p), ERR_UPSTREAM_TLS);
		assert_int_equal(atomic_load(&server.served), served);
		struct endpoint_view v = kit_view(server.address);
		assert_int_equal(v.state, ENDPOINT_DOWN);
		assert_int_equal(v.last_err, ERR_UPSTREAM_TLS);
		assert_non_null(strstr(v.why, "certificate verify failed"));
		upstream_detach(&u);
		tls_client_free(&tls);
	}
}

TEST(reload)
{
	struct probe p;
	struct test_conf next;
	struct tls_client *tls = client_of("good.pem", NULL), *same = client_of("good.pem", NULL);
	struct tls_client *renamed = client_of("good.pem", "localhost");
	struct upstream *u = attach(server.address, tls);
	assert_int_equal(kit_get(u, &p), 0);
	conf_make(&next, "test", (const char *[]){ server.address, NULL });
	next.conf.use_tls = true;
	/* the same files and options: the connection is kept, though the context is another */
	struct upstream *u2 = upstream_attach(&kit_worker, &next.conf, same, 1, NULL);
	upstream_detach(&u);
	tls_client_free(&tls);
	assert_int_equal(kit_get(u2, &p), 0);
	assert_true(p.call.reused);
	/* another name to verify: it is not */
	u = attach(server.address, renamed);
	upstream_detach(&u2);
	tls_client_free(&same);
	assert_int_equal(kit_get(u, &p), 0);
	assert_false(p.call.reused);
	upstream_detach(&u);
	tls_client_free(&renamed);
}

struct got {
	bool done;
	sluice_status status;
	int code;
	char error[256];
};

static void on_fetched(void *ctx, const sluice_fetch_response *r)
{
	struct got *g = ctx;
	g->done = true;
	g->status = r->status;
	g->code = r->code;
	(void)snprintf(g->error, sizeof(g->error), "%s", r->error ? r->error : "");
	kit_stop();
}

TEST(fetch)
{
	char url[64];
	struct tls_client *good = client_of("good.pem", NULL),
			  *other = client_of("other.pem", NULL);
	sluice_fetch_request r = { .size = sizeof(r) };
	const char *why = NULL;
	(void)snprintf(url, sizeof(url), "https://localhost:%u/jwks.json", server.port);
	r.url = str_of(url);
	for (int i = 0; i < 2; i++) {
		struct got g = { 0 };
		assert_non_null(fetch_start(&kit_worker, &r,
			&(struct fetch_way){ .tls = i ? other : good }, on_fetched, &g, &why));
		assert_true(kit_run(&g.done, 5000));
		assert_int_equal(g.status, i ? SLUICE_UNREACHABLE : SLUICE_OK);
		if (i)
			assert_non_null(strstr(g.error, "certificate verify failed"));
		else
			assert_int_equal(g.code, 200);
	}
	kit_pass(20);
	tls_client_free(&good);
	tls_client_free(&other);
}

TEST_GROUP(setup, teardown);
