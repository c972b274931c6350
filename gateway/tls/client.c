/* The client's side. See client.h. */
#include "tls/client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/addr.h"
#include "base/mem.h"
#include "net/worker.h"
#include "tls/context.h"
#include "tls/libctx.h"
#include "tls/state.h"

enum { ALPN_MAX = 256 };

struct tls_client {
	_Atomic unsigned refs;
	uint64_t id; /* unique in this process */
	uint64_t identity[2];
	bool verify;
	char *server_name; /* owned; NULL: the host's */
	unsigned workers;
	SSL_CTX **ctx; /* owned: one for each worker, the last for the main thread */
};

/* Without verification, skip the computation too. */
static int client_accept_any(X509_STORE_CTX *chain, void *arg)
{
	(void)chain, (void)arg;
	return 1;
}

/* ---- making -------------------------------------------------------------------------------- */

struct making {
	const struct tls_client_args *args;
	struct complaints complaints;
	struct pem pem;
	bool has_certificate;
	/* shared by all contexts: it is only used in full handshakes, so its lock is rarely
	   taken */
	X509_STORE *store;
	unsigned char alpn[ALPN_MAX];
	unsigned alpn_len;
};

/* The system's file and folder of authorities; or those that SSL_CERT_FILE and SSL_CERT_DIR name.
 * X509_STORE_set_default_paths() is not used, because it reads the whole folder again for every
 * certificate that it does not find. */
static void make_system_store(X509_STORE *store)
{
	X509_LOOKUP *file = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	X509_LOOKUP *dir = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
	check(file && dir, "out of memory: %s", "certificates of authorities");
	(void)X509_LOOKUP_load_file(file, NULL, X509_FILETYPE_DEFAULT); /* may be missing */
	(void)X509_LOOKUP_add_dir(dir, NULL, X509_FILETYPE_DEFAULT);
}

static void make_store(struct making *m)
{
	const struct tls_client_conf *conf = m->args->conf;
	m->store = X509_STORE_new();
	check(m->store, "out of memory: %s", "certificates of authorities");
	if (conf->verify && !conf->ca.len) {
		make_system_store(m->store);
	} else if (conf->ca.len) {
		authorities_load(m->store, m->args->dir, conf->ca, "ca", &m->complaints);
		/* a file with the server's own certificate, or with an intermediate one, is trusted
		 * as it is */
		(void)X509_STORE_set_flags(m->store, X509_V_FLAG_PARTIAL_CHAIN);
	}
	ERR_clear_error();
}

static SSL_CTX *make_context(struct making *m, unsigned worker)
{
	const struct tls_client_conf *conf = m->args->conf;
	OSSL_LIB_CTX *lib = tls_worker_libctx(worker);
	SSL_CTX *ctx = context_new(lib, TLS_client_method(), conf->min_version);
	struct certificate cert;
	SSL_CTX_set_verify(ctx, conf->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (!conf->verify)
		SSL_CTX_set_cert_verify_callback(ctx, client_accept_any, NULL);
	SSL_CTX_set1_cert_store(ctx, m->store);
	tls_session_keep(ctx);
	if (m->alpn_len)
		check(SSL_CTX_set_alpn_protos(ctx, m->alpn, m->alpn_len) == 0, "out of memory: %s",
			"protocols");
	if (!m->has_certificate || !certificate_parse(&cert, &m->pem, lib, &m->complaints, -1))
		return ctx;
	if (worker == WORKER_MAIN)
		certificate_check_dates(&cert, &m->pem, &m->complaints, -1);
	if (!certificate_use(&cert, ctx))
		complain(&m->complaints, -1, "certificate",
			"the certificate in %s cannot be used: %s", m->pem.certificate_path,
			openssl_reason());
	certificate_free(&cert);
	return ctx;
}

/* Hash the options and files. The private key is left out, since it belongs to the certificate. */
static void make_identity(struct making *m, uint64_t out[2])
{
	const struct tls_client_conf *conf = m->args->conf;
	unsigned char digest[EVP_MAX_MD_SIZE],
		facts[2] = { conf->verify, (unsigned char)conf->min_version };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	check(md && EVP_DigestInit_ex(md, EVP_sha256(), NULL), "cannot hash: %s", openssl_reason());
	hash_part(md, facts, sizeof(facts));
	hash_part(md, conf->server_name.data, conf->server_name.len);
	hash_part(md, conf->ca.data, conf->ca.len);
	authorities_hash(md, m->store);
	hash_part(md, m->alpn, m->alpn_len);
	hash_part(md, m->pem.certificate.data, m->pem.certificate.len);
	check(EVP_DigestFinal_ex(md, digest, NULL), "cannot hash: %s", openssl_reason());
	memcpy(out, digest, 2 * sizeof(*out));
	EVP_MD_CTX_free(md);
}

static struct tls_client *make_client(struct making *m)
{
	static _Atomic uint64_t last_id;
	const struct tls_client_conf *conf = m->args->conf;
	struct tls_client *c = mem_new(struct tls_client);
	atomic_init(&c->refs, 1);
	c->ctx = mem_array(SSL_CTX *, m->args->workers + 1);
	c->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
	make_identity(m, c->identity);
	c->verify = conf->verify;
	c->workers = m->args->workers;
	if (conf->server_name.len)
		c->server_name = path_in(NULL, conf->server_name);
	c->ctx[c->workers] = make_context(m, WORKER_MAIN);
	for (unsigned i = 0; i < c->workers && !m->complaints.n_errors; i++)
		c->ctx[i] = make_context(m, i);
	return c;
}

struct tls_client *tls_client_new(const struct tls_client_args *args)
{
	const struct tls_client_conf *conf = args->conf;
	struct making m = { .args = args,
		.complaints = { args->report, args->report_ctx, 0 },
		.has_certificate = conf->certificate.len != 0 };
	struct tls_client *c = NULL;
	if (conf->private_key.len && !m.has_certificate)
		complain(&m.complaints, -1, "private_key",
			"there is a private key without a certificate");
	if (args->protocols && *args->protocols) {
		m.alpn_len = (unsigned)alpn_wire(args->protocols, m.alpn, ALPN_MAX);
		check(m.alpn_len, "protocols that ALPN cannot carry: %s", args->protocols[0]);
	}
	make_store(&m);
	if (!m.has_certificate ||
		pem_read(&m.pem, args->dir, conf->certificate, conf->private_key, &m.complaints,
			-1))
		c = make_client(&m);
	if (m.complaints.n_errors)
		tls_client_free(&c);
	pem_free(&m.pem);
	X509_STORE_free(m.store);
	return c;
}

struct tls_client *tls_client_ref(struct tls_client *c)
{
	if (c)
		(void)atomic_fetch_add(&c->refs, 1);
	return c;
}

void tls_client_free(struct tls_client **at)
{
	struct tls_client *c = *at;
	*at = NULL;
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	for (unsigned i = 0; i <= c->workers; i++)
		SSL_CTX_free(c->ctx[i]);
	free(c->ctx);
	free(c->server_name);
	free(c);
}

void tls_client_identity(const struct tls_client *c, uint64_t out[2])
{
	memcpy(out, c->identity, sizeof(c->identity));
}

/* ---- connections --------------------------------------------------------------------------- */

/* Set the name to send and to verify. Returns what is wrong with it, or NULL. */
static const char *client_name(const struct tls_client *c, SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *want = SSL_get0_param(ssl);
	sluice_str name = str_of(c->server_name ? c->server_name : host);
	struct addr ip;
	char text[256];
	if (name.len && name.data[name.len - 1] == '.')
		name.len--;
	/* OpenSSL would accept any name for an empty one */
	if (!name.len)
		return c->verify ? "there is no name to verify: set server_name" : NULL;
	if (name.len >= sizeof(text))
		return "the server's name is too long";
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	if (addr_from_ip(name, 0, &ip))
		return X509_VERIFY_PARAM_set1_ip_asc(want, text)
			? NULL
			: "the server's address cannot be verified";
	X509_VERIFY_PARAM_set_hostflags(want, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, text) &&
			X509_VERIFY_PARAM_set1_host(want, text, name.len)
		? NULL
		: "the server's name cannot be verified";
}

void *tls_client_start(struct tls_client *c, unsigned worker, const char *host,
	struct tls_session_slot *slot)
{
	unsigned i = worker == WORKER_MAIN ? c->workers : worker;
	check(i <= c->workers, "worker %u of %u", worker, c->workers);
	SSL *ssl = SSL_new(c->ctx[i]);
	check(ssl, "out of memory: a TLS connection: %s", openssl_reason());
	struct tls *t = tls_state_new(ssl, 0);
	SSL_set_connect_state(ssl);
	if ((t->why = client_name(c, ssl, host)))
		t->flags |= TLS_BROKEN;
	t->slot = slot;
	tls_session_begin(slot, ssl, c->id);
	return t;
}

void tls_client_offer_http1(void *state)
{
	static const unsigned char http1[] = "\x08http/1.1";
	struct tls *t = state;
	check(SSL_set_alpn_protos(t->ssl, http1, sizeof(http1) - 1) == 0, "out of memory: %s",
		"protocols");
}
