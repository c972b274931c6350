/* Clients: whom they trust, and what they say when they do not. */
#include "tls/client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit.h"
#include "certs.h"
#include "peers.h"
#include "tls/state.h"

static struct worker w;
static struct tls_tickets *tickets;

static int set_up(void **state)
{
	(void)state;
	cert_make(&(struct cert_wish){ .file = "ca", .name = "Test CA", .is_ca = true });
	cert_make(&(struct cert_wish){ .file = "other-ca", .name = "Other CA", .is_ca = true });
	cert_make(&(struct cert_wish){ .file = "good",
		.name = "good",
		.alt = "DNS:good.test,DNS:*.wild.test,IP:127.0.0.1",
		.issuer = "ca" });
	cert_make(&(struct cert_wish){ .file = "old",
		.name = "old",
		.alt = "DNS:good.test",
		.issuer = "ca",
		.from = -7200,
		.to = -3600 });
	cert_make(&(struct cert_wish){ .file = "self", .name = "self", .alt = "DNS:good.test" });
	cert_make(&(struct cert_wish){ .file = "mine", .name = "client", .issuer = "ca" });
	cert_text("empty.crt", "");
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

static struct tls_client *client_with(const struct tls_client_conf *conf,
	struct complaints_heard *heard)
{
	struct tls_client_args a = { .conf = conf,
		.dir = certs_dir(),
		.workers = 1,
		.report = hear,
		.report_ctx = heard };
	return tls_client_new(&a);
}

/* want: NULL for a handshake that goes well, else what the client says. */
static void meet(const char *server, const struct tls_client_conf *conf, const char *host,
	const char *want)
{
	struct tls_server *srv = server_of(server, tickets, NULL);
	struct tls_client *c = client_with(conf, NULL);
	struct pair p;
	bool good;
	assert_non_null(c);
	good = pair_greet(&p, &w, srv, c, host, NULL);
	if (!want && !good)
		fail_msg("%s: %s", host, p.client.text);
	if (want && good)
		fail_msg("%s is trusted", host);
	if (want) {
		assert_string_equal(p.client.text, want);
		assert_int_equal(p.client.error, -1);
	}
	assert_int_equal(ERR_peek_error(), 0);
	pair_end(&p);
	tls_client_free(&c);
	tls_server_free(&srv);
}

TEST(verification)
{
	const struct tls_client_conf trusting = { .verify = true, .ca = STR("ca.crt") };
	const struct tls_client_conf elsewhere = { .verify = true, .ca = STR("other-ca.crt") };
	const struct tls_client_conf pinned = { .verify = true, .ca = STR("good.crt") };
	const struct tls_client_conf system = { .verify = true };
	meet("good", &trusting, "good.test", NULL);
	meet("good", &trusting, "good.test.", NULL);
	meet("good", &trusting, "a.wild.test", NULL);
	meet("good", &trusting, "127.0.0.1", NULL);
	meet("good", &pinned, "good.test", NULL);
	meet("good", &trusting, "bad.test",
		"certificate verify failed: hostname mismatch: it is not for bad.test");
	meet("good", &trusting, "a.b.wild.test",
		"certificate verify failed: hostname mismatch: it is not for a.b.wild.test");
	meet("good", &trusting, "127.0.0.2",
		"certificate verify failed: IP address mismatch: it is not for 127.0.0.2");
	meet("good", &trusting, "", "there is no name to verify: set server_name");
	meet("good", &elsewhere, "good.test",
		"certificate verify failed: unable to get local issuer certificate");
	meet("good", &system, "good.test",
		"certificate verify failed: unable to get local issuer certificate");
	meet("old", &trusting, "good.test", "certificate verify failed: certificate has expired");
	meet("self", &trusting, "good.test", "certificate verify failed: self-signed certificate");
	meet("self", &system, "good.test", "certificate verify failed: self-signed certificate");
}

TEST(without_verification)
{
	const struct tls_client_conf any = { .verify = false };
	meet("self", &any, "whoever.test", NULL);
	meet("old", &any, "", NULL);
}

TEST(server_name)
{
	struct tls_client_conf conf = { .verify = true,
		.ca = STR("ca.crt"),
		.server_name = STR("good.test") };
	struct tls_server *srv = server_of("good", tickets, NULL);
	struct tls_client *c = client_with(&conf, NULL);
	struct pair p;
	/* the name that is asked for, not the address */
	assert_true(pair_greet(&p, &w, srv, c, "10.0.0.1", NULL));
	assert_string_equal(tls_sni(&p.server.s), "good.test");
	pair_end(&p);
	tls_client_free(&c);
	conf.server_name = STR_NONE;
	c = client_with(&conf, NULL);
	/* addresses are no server names: RFC 6066 3 */
	assert_true(pair_greet(&p, &w, srv, c, "127.0.0.1", NULL));
	assert_string_equal(tls_sni(&p.server.s), "");
	pair_end(&p);
	tls_client_free(&c);
	tls_server_free(&srv);
	conf.server_name = STR("bad.test");
	meet("good", &conf, "good.test",
		"certificate verify failed: hostname mismatch: it is not for bad.test");
}

TEST(long_name)
{
	const struct tls_client_conf any = { .verify = false };
	char host[400];
	memset(host, 'a', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	meet("good", &any, host, "the server's name is too long");
}

/* The server sees the client's certificate when it asks for one. */
TEST(own_certificate)
{
	const struct tls_client_conf conf = { .verify = true,
		.ca = STR("ca.crt"),
		.certificate = STR("mine.crt"),
		.private_key = STR("mine.key") };
	struct tls_server *srv = server_of("good", tickets, NULL);
	struct tls_client *c = client_with(&conf, NULL);
	struct pair p;
	X509 *shown;
	assert_non_null(c);
	pair_start(&p, &w, srv, c, "good.test", NULL);
	SSL *ssl = ((struct tls *)p.server.s.tls)->ssl;
	SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	assert_true(SSL_CTX_load_verify_file(SSL_get_SSL_CTX(ssl), cert_path("ca.crt")));
	p.client.to_send = p.server.to_get = 10;
	assert_true(pair_run(&p));
	assert_false(p.server.failed);
	assert_non_null(shown = SSL_get0_peer_certificate(ssl));
	char name[64];
	assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name,
			    sizeof(name)) > 0);
	assert_string_equal(name, "client");
	pair_end(&p);
	tls_client_free(&c);
	tls_server_free(&srv);
}

static void wrong(const struct tls_client_conf *conf, const char *option, const char *text,
	const char *file)
{
	struct complaints_heard h = { 0 };
	char want[400];
	assert_null(client_with(conf, &h));
	(void)snprintf(want, sizeof(want), "%s%s", text, file ? cert_path(file) : "");
	assert_int_equal(h.errors, 1);
	assert_string_equal(h.option, option);
	assert_int_equal(h.index, -1);
	if (strncmp(h.text, want, strlen(want)) != 0)
		fail_msg("\"%s\", not \"%s\"", h.text, want);
	assert_int_equal(ERR_peek_error(), 0);
}

TEST(mistakes)
{
	wrong(&(struct tls_client_conf){ .verify = true, .ca = STR("absent.crt") }, "ca",
		"no authorities can be read from ", "absent.crt");
	wrong(&(struct tls_client_conf){ .verify = true, .ca = STR("empty.crt") }, "ca",
		"no authorities can be read from ", "empty.crt");
	wrong(&(struct tls_client_conf){ .certificate = STR("absent.crt") }, "certificate",
		"cannot read ", "absent.crt");
	wrong(&(struct tls_client_conf){ .private_key = STR("mine.key") }, "private_key",
		"there is a private key without a certificate", NULL);
	wrong(&(struct tls_client_conf){ .certificate = STR("mine.crt"),
		      .private_key = STR("good.key") },
		"private_key", "the private key in ", "good.key");
}

/* A session is kept only when the server was who it should be. */
TEST(no_session_of_a_stranger)
{
	const struct tls_client_conf conf = { .verify = true, .ca = STR("ca.crt") };
	struct tls_server *srv = server_of("good", tickets, NULL);
	struct tls_client *c = client_with(&conf, NULL);
	struct tls_session_slot slot = { 0 };
	struct pair p;
	assert_false(pair_greet(&p, &w, srv, c, "bad.test", &slot));
	assert_null(slot.session);
	pair_end(&p);
	/* closed without a word, the session stays good */
	assert_true(pair_greet(&p, &w, srv, c, "good.test", &slot));
	assert_non_null(slot.session);
	p.client.s.flags |= STREAM_SHUT;
	pair_end(&p);
	assert_true(pair_greet(&p, &w, srv, c, "good.test", &slot));
	assert_true(tls_was_resumed(&p.client.s));
	pair_end(&p);
	tls_session_slot_fini(&slot);
	tls_session_slot_fini(&slot);
	tls_client_free(&c);
	tls_server_free(&srv);
}

TEST_GROUP(set_up, tear_down);
