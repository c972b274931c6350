/* Servers: which certificate is shown, what is agreed on, who may resume, and what is wrong with a
 * configuration. */
#include "tls/server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "../unit.h"
#include "certs.h"
#include "peers.h"
#include "tls/peer.h"
#include "tls/state.h"

static struct worker w;
static struct tls_tickets *tickets;

static int set_up(void **state)
{
	(void)state;
	cert_make(&(struct cert_wish){ .file = "first", .alt = "DNS:first.test" });
	cert_make(&(struct cert_wish){ .file = "wild", .alt = "DNS:*.example.test" });
	cert_make(&(struct cert_wish){ .file = "rsa", .alt = "DNS:both.test", .key = CERT_RSA });
	cert_make(&(struct cert_wish){ .file = "ec", .alt = "DNS:both.test" });
	cert_make(&(struct cert_wish){ .file = "ed", .alt = "DNS:ed.test", .key = CERT_ED25519 });
	cert_make(&(struct cert_wish){ .file = "old",
		.alt = "DNS:old.test",
		.from = -7200,
		.to = -3600 });
	cert_make(&(struct cert_wish){ .file = "early",
		.alt = "DNS:early.test",
		.from = 3600,
		.to = 7200 });
	cert_make(&(struct cert_wish){ .file = "locked",
		.alt = "DNS:locked.test",
		.password = "hunter2" });
	cert_text("empty.crt", "");
	cert_text("noise.key",
		"-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n");
	tickets = tls_tickets_new();
	return worker_init(&w, 0);
}

static int tear_down(void **state)
{
	(void)state;
	worker_fini(&w);
	tls_tickets_unref(&tickets);
	tls_thread_fini();
	buf_thread_fini();
	certs_fini();
	return 0;
}

#define CERT(stem)                                               \
	{                                                        \
		SLUICE_STR(stem ".crt"), SLUICE_STR(stem ".key") \
	}

static struct tls_server_conf conf_of(struct tls_certificate_conf *certs, size_t n)
{
	return (struct tls_server_conf){ .certificates = { certs, n },
		.max_version = TLS_1_3,
		.session_tickets = true,
		.session_timeout = 3600000 };
}

/* ---- names --------------------------------------------------------------------------------- */

static X509 *shown(struct pair *p)
{
	return SSL_get0_peer_certificate(((struct tls *)p->client.s.tls)->ssl);
}

static void assert_shows(struct tls_server *srv, const char *host, const char *name, int key)
{
	struct tls_client *c = client_of(NULL, NULL);
	struct pair p;
	if (!pair_greet(&p, &w, srv, c, host, NULL))
		fail_msg("%s: %s / %s", host, p.server.text, p.client.text);
	assert_int_equal(X509_check_host(shown(&p), name, 0, 0, NULL), 1);
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(shown(&p))), key);
	assert_string_equal(tls_sni(&p.server.s), strchr(host, ':') ? "" : host);
	pair_end(&p);
	tls_client_free(&c);
}

TEST(certificate_by_name)
{
	struct tls_certificate_conf certs[] = { CERT("first"), CERT("wild"), CERT("rsa"),
		CERT("ec"), CERT("ed") };
	struct tls_server_conf conf = conf_of(certs, 5);
	struct tls_server *srv = server_with(&conf, tickets, 1, NULL, NULL);
	assert_non_null(srv);
	assert_shows(srv, "first.test", "first.test", EVP_PKEY_EC);
	assert_shows(srv, "www.example.test", "www.example.test", EVP_PKEY_EC);
	assert_shows(srv, "both.test", "both.test", EVP_PKEY_EC); /* the client's preference */
	assert_shows(srv, "ed.test", "ed.test", EVP_PKEY_ED25519);
	assert_shows(srv, "unknown.test", "first.test", EVP_PKEY_EC);
	assert_shows(srv, "::1", "first.test", EVP_PKEY_EC);
	tls_server_free(&srv);
	assert_null(srv);
}

/* A client that knows only one kind of key gets that. */
TEST(kind_of_key)
{
	struct tls_certificate_conf certs[] = { CERT("rsa"), CERT("ec") };
	struct tls_server_conf conf = conf_of(certs, 2);
	struct tls_server *srv = server_with(&conf, tickets, 1, NULL, NULL);
	struct tls_client *c = client_of(NULL, NULL);
	struct pair p;
	for (int rsa = 0; rsa < 2; rsa++) {
		pair_start(&p, &w, srv, c, "both.test", NULL);
		SSL *ssl = ((struct tls *)p.client.s.tls)->ssl;
		assert_true(SSL_set1_sigalgs_list(ssl, rsa ? "RSA-PSS+SHA256" : "ECDSA+SHA256"));
		p.client.to_send = p.server.to_get = 1;
		assert_true(pair_run(&p));
		assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(shown(&p))),
			rsa ? EVP_PKEY_RSA : EVP_PKEY_EC);
		pair_end(&p);
	}
	tls_client_free(&c);
	tls_server_free(&srv);
}

/* ---- what is agreed on --------------------------------------------------------------------- */

static void alpn(const char *const *ours, const char *const *theirs, const char *want)
{
	struct tls_server *srv = server_of("first", tickets, ours);
	struct tls_client *c = client_of("first", theirs);
	struct pair p;
	bool good = pair_greet(&p, &w, srv, c, "first.test", NULL);
	if (!want) {
		assert_false(good);
		assert_string_equal(p.client.text,
			"refused by the other side: no application protocol");
	} else {
		assert_true(good);
		assert_str(tls_alpn(&p.server.s), want);
		assert_str(tls_alpn(&p.client.s), want);
	}
	pair_end(&p);
	tls_client_free(&c);
	tls_server_free(&srv);
}

TEST(alpn)
{
	static const char *const both[] = { "h2", "http/1.1", NULL },
				 *const old_first[] = { "http/1.1", "h2", NULL };
	static const char *const old[] = { "http/1.1", NULL },
				 *const oldest[] = { "http/1.0", NULL };
	static const char *const foreign[] = { "imap", NULL }, *const new[] = { "h2", NULL };
	alpn(both, both, "h2");
	alpn(both, old_first, "h2"); /* the server's order */
	alpn(old_first, both, "http/1.1");
	alpn(both, old, "http/1.1");
	alpn(both, oldest, "http/1.0");
	alpn(new, oldest, NULL);
	alpn(both, foreign, NULL);
	alpn(old, new, NULL);
	alpn(both, NULL, "");
	alpn(NULL, both, "");
}

static void version(int32_t ours, const char *ciphers, int most, const char *want)
{
	struct tls_certificate_conf cert = CERT("first");
	struct tls_server_conf conf = conf_of(&cert, 1);
	struct pair p;
	conf.min_version = ours;
	conf.ciphers = str_of(ciphers);
	struct tls_server *srv = server_with(&conf, tickets, 1, NULL, NULL);
	struct tls_client *c = client_of("first", NULL);
	pair_start(&p, &w, srv, c, "first.test", NULL);
	SSL *ssl = ((struct tls *)p.client.s.tls)->ssl;
	SSL_set_min_proto_version(ssl, 0);
	SSL_set_max_proto_version(ssl, most);
	SSL_set_security_level(ssl, 0);
	p.client.to_send = p.server.to_get = 1;
	assert_true(pair_run(&p));
	if (want) {
		assert_false(p.client.failed);
		assert_string_equal(tls_version_name(&p.server.s), want);
	} else {
		assert_true(p.server.failed);
		assert_string_equal(p.server.text, "unsupported protocol");
		assert_string_equal(p.client.text, "refused by the other side: protocol version");
	}
	pair_end(&p);
	tls_client_free(&c);
	tls_server_free(&srv);
}

TEST(versions)
{
	version(TLS_1_2, NULL, TLS1_3_VERSION, "TLSv1.3");
	version(TLS_1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, "TLSv1.2");
	version(TLS_1_2, NULL, TLS1_1_VERSION, NULL);
	version(TLS_1_3, NULL, TLS1_2_VERSION, NULL);
}

/* A client that asks for a new handshake within TLS 1.2 is refused. */
TEST(no_renegotiation)
{
	struct tls_server *srv = server_of("first", tickets, NULL);
	struct tls_client *c = client_of("first", NULL);
	struct pair p;
	pair_start(&p, &w, srv, c, "first.test", NULL);
	SSL *ssl = ((struct tls *)p.client.s.tls)->ssl;
	SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
	SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
	p.client.to_send = p.server.to_get = 10;
	assert_true(pair_run(&p));
	assert_true(SSL_renegotiate(ssl));
	p.client.to_send = p.server.to_get = 20;
	p.client.is_done = p.server.is_done = false;
	buf_append(&p.client.s.out, "x", 1);
	stream_kick(&p.client.s);
	assert_true(pair_run(&p));
	assert_true(p.client.failed);
	pair_end(&p);
	tls_client_free(&c);
	tls_server_free(&srv);
}

/* ---- certificates of clients --------------------------------------------------------------- */

static void add_name(void *ctx, sluice_str name)
{
	(void)strncat(strncat(ctx, name.data, name.len), ",", 2);
}

/* A client that shows a certificate (a stem), or none. */
static struct tls_client *client_with(const char *stem)
{
	char crt[64], key[64];
	(void)snprintf(crt, sizeof(crt), "%s.crt", stem ? stem : "");
	(void)snprintf(key, sizeof(key), "%s.key", stem ? stem : "");
	struct tls_client_conf conf = { .verify = false };
	if (stem) {
		conf.certificate = str_of(crt);
		conf.private_key = str_of(key);
	}
	struct complaints_heard heard = { 0 }; /* of one that is not valid any more */
	struct tls_client_args a = { .conf = &conf,
		.dir = certs_dir(),
		.workers = 1,
		.report = hear,
		.report_ctx = &heard };
	struct tls_client *c = tls_client_new(&a);
	assert_non_null(c);
	return c;
}

static struct tls_server *server_for(const char *ca, int32_t how)
{
	struct tls_certificate_conf certs[] = { CERT("first") };
	struct tls_server_conf conf = conf_of(certs, 1);
	conf.client_ca = str_of(ca);
	conf.client_certificate = how;
	return server_with(&conf, tickets, 1, NULL, NULL);
}

static bool is_let_in(struct tls_server *srv, const char *stem)
{
	struct tls_client *c = client_with(stem);
	struct pair p;
	bool good = pair_greet(&p, &w, srv, c, "first.test", NULL);
	pair_end(&p);
	tls_client_free(&c);
	return good;
}

static void make_clients(void)
{
	cert_make(&(struct cert_wish){ .file = "ca", .name = "The CA", .is_ca = true });
	cert_make(&(struct cert_wish){ .file = "good",
		.name = "good, (client)",
		.alt = "DNS:a.test,URI:spiffe://test/a,email:a@test,DNS:b.test",
		.issuer = "ca" });
	cert_make(&(struct cert_wish){ .file = "late",
		.name = "late",
		.issuer = "ca",
		.from = -7200,
		.to = -3600 });
	cert_make(&(struct cert_wish){ .file = "stranger", .name = "The CA" });
}

TEST(clients_are_verified)
{
	make_clients();
	struct tls_server *srv = server_for("ca.crt", TLS_CLIENT_REQUIRED);
	assert_true(is_let_in(srv, "good"));
	assert_false(is_let_in(srv, NULL));
	assert_false(is_let_in(srv, "late"));
	assert_false(is_let_in(srv, "stranger"));
	tls_server_free(&srv);
	srv = server_for("ca.crt", TLS_CLIENT_OPTIONAL);
	assert_true(is_let_in(srv, "good"));
	assert_true(is_let_in(srv, NULL));
	assert_false(is_let_in(srv, "late"));
	assert_false(is_let_in(srv, "stranger"));
	tls_server_free(&srv);
	/* a client's own certificate may be named as it is */
	srv = server_for("good.crt", TLS_CLIENT_REQUIRED);
	assert_true(is_let_in(srv, "good"));
	tls_server_free(&srv);
}

TEST(what_a_client_showed)
{
	struct arena a;
	char names[128] = "";
	arena_init(&a, 0);
	make_clients();
	struct tls_server *srv = server_for("ca.crt", TLS_CLIENT_OPTIONAL);
	struct tls_client *c = client_with("good"), *none = client_with(NULL);
	struct pair p;
	assert_true(pair_greet(&p, &w, srv, c, "first.test", NULL));
	const struct stream *s = &p.server.s;
	assert_true(str_eq(tls_peer_text(s, TLS_PEER_SUBJECT, &a), STR("CN=good\\, (client)")));
	assert_true(str_eq(tls_peer_text(s, TLS_PEER_ISSUER, &a), STR("CN=The CA")));
	assert_int_equal(tls_peer_text(s, TLS_PEER_SHA256, &a).len, 64);
	assert_true(str_starts(tls_peer_text(s, TLS_PEER_PEM, &a),
		STR("-----BEGIN CERTIFICATE-----\n")));
	tls_peer_names(s, TLS_PEER_DNS, add_name, names);
	tls_peer_names(s, TLS_PEER_URI, add_name, names);
	tls_peer_names(s, TLS_PEER_EMAIL, add_name, names);
	assert_string_equal(names, "a.test,b.test,spiffe://test/a,a@test,");
	assert_null(tls_peer_text(&p.client.s, TLS_PEER_SUBJECT, &a).data);
	pair_end(&p);
	assert_true(pair_greet(&p, &w, srv, none, "first.test", NULL));
	for (int what = TLS_PEER_SUBJECT; what <= TLS_PEER_DER; what++)
		assert_null(tls_peer_text(s, (enum tls_peer_text)what, &a).data);
	tls_peer_names(s, TLS_PEER_DNS, add_name, names);
	assert_string_equal(names, "a.test,b.test,spiffe://test/a,a@test,");
	pair_end(&p);
	tls_client_free(&c);
	tls_client_free(&none);
	tls_server_free(&srv);
	arena_fini(&a);
}

/* ---- resumption ---------------------------------------------------------------------------- */

static void greet(struct tls_server *srv, struct tls_client *c, struct tls_session_slot *slot,
	int version_max, bool want)
{
	struct pair p;
	pair_start(&p, &w, srv, c, "first.test", slot);
	SSL_set_max_proto_version(((struct tls *)p.client.s.tls)->ssl, version_max);
	p.server.to_send = p.client.to_get = 100;
	p.client.to_send = p.server.to_get = 50;
	if (!pair_run(&p) || p.server.failed || p.client.failed)
		fail_msg("%s / %s", p.server.text, p.client.text);
	assert_int_equal(tls_was_resumed(&p.server.s), want);
	assert_int_equal(tls_was_resumed(&p.client.s), want);
	assert_string_equal(tls_sni(&p.server.s), "first.test");
	pair_end(&p);
}

TEST(resumption)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
	for (int i = 0; i < 2; i++) {
		struct tls_server *srv = server_of("first", tickets, NULL);
		struct tls_client *c = client_of("first", NULL);
		struct tls_session_slot slot = { 0 };
		greet(srv, c, &slot, versions[i], false);
		assert_non_null(slot.session);
		greet(srv, c, &slot, versions[i], true);
		greet(srv, c, &slot, versions[i], true);
		/* a reload: a new server, the same keys */
		tls_server_free(&srv);
		srv = server_of("first", tickets, NULL);
		greet(srv, c, &slot, versions[i], true);
		/* the previous key opens, and the client gets a ticket of the newest */
		tls_tickets_rotate(tickets);
		greet(srv, c, &slot, versions[i], true);
		tls_tickets_rotate(tickets);
		greet(srv, c, &slot, versions[i], true);
		tls_tickets_rotate(tickets);
		tls_tickets_rotate(tickets);
		greet(srv, c, &slot, versions[i], false);
		/* another client, of a configuration that was changed, does not take it over */
		tls_client_free(&c);
		c = client_of("first", NULL);
		greet(srv, c, &slot, versions[i], false);
		greet(srv, c, &slot, versions[i], true);
		tls_session_slot_fini(&slot);
		tls_client_free(&c);
		tls_server_free(&srv);
	}
}

/* A session is bound to the authorities that its client was verified by, and ends with its
 * certificate. */
TEST(resumption_of_a_verified_client)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
	enum { SECONDS = 3 };
	make_clients();
	for (int i = 0; i < 2; i++) {
		cert_make(&(struct cert_wish){ .file = "brief",
			.name = "brief",
			.issuer = "ca",
			.from = -60,
			.to = SECONDS });
		struct tls_server *srv = server_for("ca.crt", TLS_CLIENT_REQUIRED),
				  *other = server_for("ca.crt", TLS_CLIENT_OPTIONAL);
		struct tls_client *c = client_with("brief");
		struct tls_session_slot slot = { 0 };
		struct pair p;
		greet(srv, c, &slot, versions[i], false);
		greet(srv, c, &slot, versions[i], true);
		greet(other, c, &slot, versions[i], false);
		greet(other, c, &slot, versions[i], true);
		(void)sleep(SECONDS + 1);
		/* what is shown in the full handshake is not valid any more */
		assert_false(pair_greet(&p, &w, other, c, "first.test", &slot));
		pair_end(&p);
		tls_session_slot_fini(&slot);
		tls_client_free(&c);
		tls_server_free(&srv);
		tls_server_free(&other);
	}
}

TEST(no_tickets)
{
	struct tls_certificate_conf cert = CERT("first");
	struct tls_server_conf conf = conf_of(&cert, 1);
	struct tls_client *c = client_of("first", NULL);
	struct tls_session_slot slot = { 0 };
	conf.session_tickets = false;
	struct tls_server *srv = server_with(&conf, tickets, 1, NULL, NULL);
	greet(srv, c, &slot, TLS1_3_VERSION, false);
	assert_null(slot.session);
	greet(srv, c, &slot, TLS1_3_VERSION, false);
	greet(srv, c, &slot, TLS1_2_VERSION, false);
	greet(srv, c, &slot, TLS1_2_VERSION, false);
	tls_session_slot_fini(&slot);
	tls_client_free(&c);
	tls_server_free(&srv);
}

/* Connections outlive the server they began with, also in the middle of a handshake. */
TEST(server_freed_under_connections)
{
	struct tls_certificate_conf certs[] = { CERT("first"), CERT("wild") };
	struct tls_server_conf conf = conf_of(certs, 2);
	struct tls_tickets *own = tls_tickets_new();
	struct tls_server *srv = server_with(&conf, own, 1, NULL, NULL);
	struct tls_client *c = client_of("wild", NULL);
	struct pair p;
	pair_start(&p, &w, srv, c, "www.example.test", NULL);
	tls_server_free(&srv);
	tls_client_free(&c);
	tls_tickets_unref(&own);
	p.client.to_send = p.server.to_get = 100;
	p.server.to_send = p.client.to_get = 100;
	assert_true(pair_run(&p));
	assert_false(p.client.failed);
	pair_end(&p);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static struct complaints_heard wrong(const char *certificate, const char *key)
{
	struct tls_certificate_conf certs[] = { CERT("first"),
		{ str_of(certificate), str_of(key) } };
	struct tls_server_conf conf = conf_of(certs, 2);
	struct complaints_heard h = { 0 };
	struct tls_server *srv = server_with(&conf, tickets, 2, NULL, &h);
	assert_null(srv);
	assert_int_equal(h.errors, 1);
	assert_int_equal(h.index, 1);
	assert_int_equal(ERR_peek_error(), 0);
	return h;
}

static void assert_text(const struct complaints_heard *h, const char *option, const char *fmt,
	const char *a, const char *b)
{
	char want[512];
	(void)snprintf(want, sizeof(want), fmt, a, b);
	assert_string_equal(h->text, want);
	assert_string_equal(h->option, option);
}

TEST(mistakes)
{
	struct complaints_heard h;
	h = wrong("absent.crt", "first.key");
	assert_text(&h, "certificate", "cannot read %s: No such file or directory%s",
		cert_path("absent.crt"), "");
	h = wrong("first.crt", "absent.key");
	assert_text(&h, "private_key", "cannot read %s: No such file or directory%s",
		cert_path("absent.key"), "");
	h = wrong("first.crt", certs_dir());
	assert_text(&h, "private_key", "cannot read %s: Is a directory%s", certs_dir(), "");
	h = wrong("first.crt", "wild.key");
	assert_text(&h, "private_key",
		"the private key in %s does not belong to the certificate in %s",
		cert_path("wild.key"), cert_path("first.crt"));
	h = wrong("first.crt", "rsa.key");
	assert_text(&h, "private_key",
		"the private key in %s does not belong to the certificate in %s",
		cert_path("rsa.key"), cert_path("first.crt"));
	h = wrong("empty.crt", "first.key");
	assert_text(&h, "certificate", "no certificate can be read from %s: no start line%s",
		cert_path("empty.crt"), "");
	h = wrong("first.key", "first.key");
	assert_text(&h, "certificate", "no certificate can be read from %s: no start line%s",
		cert_path("first.key"), "");
	h = wrong("locked.crt", "locked.key");
	assert_text(&h, "private_key",
		"the private key in %s has a password: use a key without one%s",
		cert_path("locked.key"), "");
	h = wrong("first.crt", "noise.key");
	assert_non_null(strstr(h.text, "no private key can be read from"));
	assert_null(strstr(h.text, "bm90"));
	h = wrong("first.crt", NULL);
	assert_string_equal(h.option, "certificate");
	assert_non_null(strstr(h.text, "no private key can be read from"));
}

TEST(bad_lists)
{
	struct tls_certificate_conf certs[] = { CERT("first"), CERT("wild") };
	struct complaints_heard h = { 0 };
	struct tls_server_conf conf = conf_of(certs, 2);
	conf.ciphers = STR("NO-SUCH-CIPHER");
	conf.ciphersuites = STR("TLS_NOTHING");
	conf.curves = STR("P-257");
	assert_null(server_with(&conf, tickets, 3, NULL, &h));
	assert_int_equal(h.errors, 3); /* each of them once */
	conf.ciphers = STR("ECDHE+AESGCM");
	conf.ciphersuites = STR("TLS_AES_128_GCM_SHA256");
	conf.curves = STR("P-256:X25519");
	struct tls_server *srv = server_with(&conf, tickets, 3, NULL, NULL);
	assert_non_null(srv);
	tls_server_free(&srv);
}

TEST(dates)
{
	struct tls_certificate_conf certs[] = { CERT("old"), CERT("early") };
	struct complaints_heard h = { 0 };
	struct tls_server_conf conf = conf_of(certs, 1);
	char want[300];
	struct tls_server *srv = server_with(&conf, tickets, 2, NULL, &h);
	assert_non_null(srv);
	tls_server_free(&srv);
	assert_int_equal(h.warnings, 1);
	(void)snprintf(want, sizeof(want), "the certificate in %s has expired",
		cert_path("old.crt"));
	assert_string_equal(h.warning, want);
	conf.certificates.n = 2;
	srv = server_with(&conf, tickets, 2, NULL, &h);
	tls_server_free(&srv);
	assert_int_equal(h.warnings, 3);
	(void)snprintf(want, sizeof(want), "the certificate in %s is not valid yet",
		cert_path("early.crt"));
	assert_string_equal(h.warning, want);
}

/* One file with both, and an absolute path. */
TEST(one_file)
{
	char text[8000], path[300];
	size_t n = 0;
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(cert_path(i ? "first.key" : "first.crt"), "r");
		assert_non_null(f);
		n += fread(text + n, 1, sizeof(text) - 1 - n, f);
		(void)fclose(f);
	}
	text[n] = '\0';
	cert_text("both.pem", text);
	(void)snprintf(path, sizeof(path), "%s", cert_path("both.pem"));
	struct tls_certificate_conf cert = { str_of(path), STR_NONE };
	struct tls_server_conf conf = conf_of(&cert, 1);
	struct tls_server *srv = server_with(&conf, tickets, 1, NULL, NULL);
	assert_non_null(srv);
	assert_shows(srv, "first.test", "first.test", EVP_PKEY_EC);
	tls_server_free(&srv);
}

TEST_GROUP(set_up, tear_down);
