/*
 * Contexts of a server: each worker has one for every group of certificates. A connection begins
 * with the first; its SNI may move it to another. A worker's set lives as long as its first
 * context, to which every connection has a reference.
 */
#include "tls/server.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tls/context.h"
#include "tls/libctx.h"
#include "tls/names.h"
#include "tls/state.h"

enum { SESSION_CONTEXT = 32 /* bytes */ };
_Static_assert(SESSION_CONTEXT <= SSL_MAX_SID_CTX_LENGTH, "a context of sessions");
enum { ALPN_NAMES = 16, ALPN_MAX = 256, TICKET_IV = 16 };

/* The part that the sets of all workers share. */
struct served {
	atomic_uint refs;
	struct names names;
	struct tls_tickets *tickets; /* shared: ref */
	unsigned char alpn[ALPN_MAX];
	unsigned alpn_len;
};

/* A worker's contexts. The first one owns the set; the set has no reference to it. */
struct server_set {
	struct served *served; /* shared: ref */
	OSSL_LIB_CTX *lib;     /* borrowed: lives for ever */
	EVP_CIPHER *cipher;    /* owned: of tickets */
	SSL_CTX **ctx;         /* owned, but for the first; one for each group */
	unsigned n;
};

struct tls_server {
	SSL_CTX **first; /* owned: one for each worker */
	unsigned workers;
	unsigned start_flags;
	struct tls_certificate_facts *certificates; /* owned, and their paths */
	size_t n_certificates;
};

/* ---- life of a set ------------------------------------------------------------------------- */

static int set_index; /* of a context's set */
static pthread_once_t set_once = PTHREAD_ONCE_INIT;

static void served_unref(struct served *v)
{
	if (atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	names_fini(&v->names);
	tls_tickets_unref(&v->tickets);
	free(v);
}

/* Called when OpenSSL frees a context, on the thread that dropped the last reference. */
static void set_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl,
	void *argp)
{
	struct server_set *set = ptr;
	(void)data, (void)index, (void)argl, (void)argp;
	if (!set || set->ctx[0] != parent)
		return;
	/* a connection drops its first context before the one that it moved to; freeing the latter
	 * must not free the set again */
	for (unsigned i = 1; i < set->n; i++) {
		(void)SSL_CTX_set_ex_data(set->ctx[i], set_index, NULL);
		SSL_CTX_free(set->ctx[i]);
	}
	EVP_CIPHER_free(set->cipher);
	served_unref(set->served);
	free(set->ctx);
	free(set);
}

static void set_index_once(void)
{
	set_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, set_free);
	check(set_index >= 0, "out of memory: %s", "an index of OpenSSL");
}

static struct server_set *set_of(SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), set_index);
}

/* ---- what OpenSSL asks --------------------------------------------------------------------- */

static int server_on_name(SSL *ssl, int *alert, void *arg)
{
	struct server_set *set = set_of(ssl);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	(void)alert, (void)arg;
	if (!name)
		return SSL_TLSEXT_ERR_NOACK;
	unsigned group = names_find(&set->served->names, name);
	if (group && !SSL_set_SSL_CTX(ssl, set->ctx[group]))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static int server_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *arg)
{
	const struct served *v = arg;
	(void)ssl;
	/* without a common protocol the handshake fails (RFC 7301 3.2) */
	return SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, v->alpn,
		       v->alpn_len, in, in_len) == OPENSSL_NPN_NEGOTIATED
		? SSL_TLSEXT_ERR_OK
		: SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Seal or open a ticket: AES-256-CBC, then HMAC-SHA-256 over all of it. 0: the key is unknown, and
 * a full handshake follows. */
static int server_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
	struct server_set *set = set_of(ssl);
	struct ticket_key key;
	bool newest = true;
	if (seal) {
		tls_tickets_newest(set->served->tickets, &key);
		memcpy(name, key.name, TICKET_NAME);
		if (RAND_bytes_ex(set->lib, iv, TICKET_IV, 0) != 1)
			return -1;
	} else if (!tls_tickets_find(set->served->tickets, name, &key, &newest)) {
		return 0;
	}
	OSSL_PARAM p[] = { OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac,
				   sizeof(key.mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
			(char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_end() };
	bool ok = EVP_MAC_CTX_set_params(mac, p) == 1 &&
		EVP_CipherInit_ex2(cipher, set->cipher, key.cipher, iv, seal, NULL) == 1;
	OPENSSL_cleanse(&key, sizeof(key));
	if (!ok)
		return -1;
	/* 2: also issue a new ticket, since clients of TLS 1.3 use a ticket once (RFC 8446 C.4) */
	return seal || (newest && SSL_version(ssl) < TLS1_3_VERSION) ? 1 : 2;
}

/* A ticket was opened. A session whose client's certificate has expired is not resumed: the full
 * handshake verifies what the client shows then. */
static SSL_TICKET_RETURN server_on_session(SSL *ssl, SSL_SESSION *session,
	const unsigned char *name, size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
	const X509 *cert = session ? SSL_SESSION_get0_peer(session) : NULL;
	(void)ssl, (void)name, (void)name_len, (void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (cert && X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* ---- making -------------------------------------------------------------------------------- */

/* What is read and parsed once, before the contexts of the workers are made. */
struct making {
	const struct tls_server_args *args;
	struct complaints complaints;
	struct pem *pem; /* owned: one for each certificate */
	int n;
	struct served *served;
	struct tls_certificate_facts *facts; /* owned until there is a server */
	/* owned: authorities of clients; NULL: they are not asked for a certificate */
	X509_STORE *clients;
	/* Sessions are resumed only where this is the same: the authorities of clients, and whether
	 * a certificate is required. A resumed session is not verified again. */
	unsigned char session_context[SESSION_CONTEXT];
};

/* Ask clients for a certificate, and name the authorities, by which a client chooses one. */
static void make_verify(struct making *m, SSL_CTX *ctx)
{
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(m->clients);
	int mode = SSL_VERIFY_PEER;
	if (m->args->conf->client_certificate == TLS_CLIENT_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	SSL_CTX_set1_cert_store(ctx, m->clients);
	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
		check(!ca || SSL_CTX_add_client_CA(ctx, ca) == 1, "out of memory: %s",
			"names of authorities");
	}
	if (m->args->conf->session_tickets)
		(void)SSL_CTX_set_session_ticket_cb(ctx, NULL, server_on_session, NULL);
}

static SSL_CTX *make_context(struct making *m, struct server_set *set)
{
	const struct tls_server_conf *conf = m->args->conf;
	struct served *v = m->served;
	SSL_CTX *ctx = context_new(set->lib, TLS_server_method(), conf->min_version);
	if (conf->max_version < conf->min_version)
		complain(&m->complaints, -1, "max_version", "%s", "it is older than min_version");
	if (conf->max_version == TLS_1_2)
		(void)SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	if (conf->ciphers.len && !SSL_CTX_set_cipher_list(ctx, conf->ciphers.data))
		complain(&m->complaints, -1, "ciphers",
			"no usable cipher suite of TLS 1.2 in the list: %s", openssl_reason());
	if (conf->ciphersuites.len && !SSL_CTX_set_ciphersuites(ctx, conf->ciphersuites.data))
		complain(&m->complaints, -1, "ciphersuites",
			"not a list of cipher suites of TLS 1.3: %s", openssl_reason());
	if (conf->curves.len && !SSL_CTX_set1_groups_list(ctx, conf->curves.data))
		complain(&m->complaints, -1, "curves",
			"not a list of groups the TLS library knows: %s", openssl_reason());
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_timeout(ctx, (long)(conf->session_timeout / 1000));
	(void)SSL_CTX_set_session_id_context(ctx, m->session_context, SESSION_CONTEXT);
	if (m->clients)
		make_verify(m, ctx);
	/* the transport sends the ticket of TLS 1.3 with the first response */
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	if (conf->session_tickets)
		(void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, server_on_ticket);
	else
		(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, server_on_name);
	if (v->alpn_len)
		SSL_CTX_set_alpn_select_cb(ctx, server_on_alpn, v);
	check(SSL_CTX_set_ex_data(ctx, set_index, set), "out of memory: %s", "a TLS context");
	return ctx;
}

static void make_group(struct making *m, struct server_set *set, const struct certificate *certs,
	unsigned group)
{
	const struct choice *choice = &m->served->names.groups[group];
	for (int k = 0; k < KEY_KINDS; k++) {
		int i = choice->certificate[k];
		if (i != NO_CERTIFICATE && !certificate_use(&certs[i], set->ctx[group]))
			complain(&m->complaints, i, "certificate",
				"the certificate in %s cannot be used: %s",
				m->pem[i].certificate_path, openssl_reason());
	}
}

/* The first context of one worker; NULL after a complaint. */
static SSL_CTX *make_set(struct making *m, unsigned worker)
{
	unsigned before = m->complaints.n_errors, n = m->served->names.n_groups;
	struct certificate *certs = mem_array(struct certificate, (size_t)m->n);
	struct server_set *set = mem_new(struct server_set);
	set->lib = tls_worker_libctx(worker);
	set->cipher = EVP_CIPHER_fetch(set->lib, "AES-256-CBC", NULL);
	set->ctx = mem_array(SSL_CTX *, n);
	set->served = m->served;
	check(set->cipher, "out of memory: %s", "TLS contexts");
	atomic_fetch_add_explicit(&m->served->refs, 1, memory_order_relaxed);

	bool good = true;
	for (int i = 0; i < m->n && good; i++)
		good = certificate_parse(&certs[i], &m->pem[i], set->lib, &m->complaints, i);
	do {
		/* even when it failed: freeing the first context frees the set */
		set->ctx[set->n] = make_context(m, set);
		if (good)
			make_group(m, set, certs, set->n);
	} while (++set->n < n && m->complaints.n_errors == before);
	for (int i = 0; i < m->n; i++)
		certificate_free(&certs[i]);
	free(certs);
	SSL_CTX *first = set->ctx[0];
	if (m->complaints.n_errors != before) {
		SSL_CTX_free(first);
		return NULL;
	}
	return first;
}

static void make_clients(struct making *m)
{
	const struct tls_server_conf *conf = m->args->conf;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE], mode = (unsigned char)conf->client_certificate;
	if (conf->client_ca.len) {
		m->clients = X509_STORE_new();
		check(m->clients, "out of memory: %s", "authorities of clients");
		authorities_load(m->clients, m->args->dir, conf->client_ca, "client_ca",
			&m->complaints);
		/* a certificate of the file is trusted as it is: an intermediate one, or a
		 * client's */
		(void)X509_STORE_set_flags(m->clients,
			X509_V_FLAG_PARTIAL_CHAIN |
				(authorities_revoke(m->clients) ? X509_V_FLAG_CRL_CHECK : 0u));
	}
	check(md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
			EVP_DigestUpdate(md, &mode, sizeof(mode)),
		"cannot hash: %s", openssl_reason());
	if (m->clients)
		authorities_hash(md, m->clients);
	check(EVP_DigestFinal_ex(md, digest, NULL), "cannot hash: %s", openssl_reason());
	memcpy(m->session_context, digest, SESSION_CONTEXT);
	EVP_MD_CTX_free(md);
	ERR_clear_error();
}

static void make_names(struct making *m)
{
	const struct tls_certificate_conf *conf = m->args->conf->certificates.v;
	for (int i = 0; i < m->n; i++) {
		struct certificate cert;
		if (!pem_read(&m->pem[i], m->args->dir, conf[i].certificate, conf[i].private_key,
			    &m->complaints, i) ||
			!certificate_parse(&cert, &m->pem[i], tls_worker_libctx(0), &m->complaints,
				i))
			continue;
		certificate_check_dates(&cert, &m->pem[i], &m->complaints, i);
		m->facts[i] =
			(struct tls_certificate_facts){ .path = mem_text(m->pem[i].certificate_path,
								strlen(m->pem[i].certificate_path)),
				.expires_s = certificate_expires(&cert) };
		names_add(&m->served->names, &cert, &m->complaints, i);
		certificate_free(&cert);
	}
}

static void make_alpn(struct making *m)
{
	const char *const *p = m->args->protocols;
	const char *with_10[ALPN_NAMES];
	unsigned n = 0;
	if (!p || !*p)
		return;
	for (; *p && n < ALPN_NAMES - 2; p++) {
		with_10[n++] = *p;
		if (strcmp(*p, "http/1.1") == 0)
			with_10[n++] = "http/1.0"; /* the same codec serves it */
	}
	with_10[n] = NULL;
	m->served->alpn_len = (unsigned)alpn_wire(with_10, m->served->alpn, ALPN_MAX);
	check(!*p && m->served->alpn_len, "protocols that ALPN cannot carry: %s", with_10[0]);
}

static void facts_free(struct tls_certificate_facts *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++)
		free((char *)(uintptr_t)v[i].path);
	free(v);
}

static struct tls_server *make_server(struct making *m)
{
	struct tls_server *srv = mem_new(struct tls_server);
	unsigned n = m->args->workers;
	srv->first = mem_array(SSL_CTX *, n);
	srv->certificates = m->facts;
	srv->n_certificates = (size_t)m->n;
	m->facts = NULL;
	srv->start_flags = TLS_STARVED | (m->args->conf->session_tickets ? TLS_TICKET_DUE : 0);
	for (; srv->workers < n; srv->workers++) {
		srv->first[srv->workers] = make_set(m, srv->workers);
		if (!srv->first[srv->workers]) {
			tls_server_free(&srv);
			break;
		}
	}
	return srv;
}

struct tls_server *tls_server_new(const struct tls_server_args *args)
{
	struct making m = { .args = args,
		.complaints = { args->report, args->report_ctx, 0 },
		.n = (int)args->conf->certificates.n };
	struct tls_server *srv = NULL;
	check(m.n > 0 && args->workers > 0 && args->tickets, "%d certificates for %u workers", m.n,
		args->workers);
	(void)pthread_once(&set_once, set_index_once);
	m.pem = mem_array(struct pem, (size_t)m.n);
	m.served = mem_new(struct served);
	m.facts = mem_array(struct tls_certificate_facts, (size_t)m.n);
	atomic_init(&m.served->refs, 1);
	m.served->tickets = tls_tickets_ref(args->tickets);
	make_alpn(&m);
	make_clients(&m);
	make_names(&m);
	if (!m.complaints.n_errors) {
		names_finish(&m.served->names);
		srv = make_server(&m);
	}
	for (int i = 0; i < m.n; i++)
		pem_free(&m.pem[i]);
	free(m.pem);
	facts_free(m.facts, (size_t)m.n);
	X509_STORE_free(m.clients);
	served_unref(m.served);
	return srv;
}

void tls_server_free(struct tls_server **at)
{
	struct tls_server *srv = *at;
	*at = NULL;
	if (!srv)
		return;
	for (unsigned i = 0; i < srv->workers; i++)
		SSL_CTX_free(srv->first[i]);
	free(srv->first);
	facts_free(srv->certificates, srv->n_certificates);
	free(srv);
}

size_t tls_server_certificates(const struct tls_server *srv, const struct tls_certificate_facts **v)
{
	*v = srv->certificates;
	return srv->n_certificates;
}

void *tls_server_start(struct tls_server *srv, unsigned worker)
{
	check(worker < srv->workers, "worker %u of %u", worker, srv->workers);
	SSL *ssl = SSL_new(srv->first[worker]);
	check(ssl, "out of memory: a TLS connection: %s", openssl_reason());
	SSL_set_accept_state(ssl);
	return tls_state_new(ssl, srv->start_flags);
}
