/* Contexts, and the files they are made of. See context.h. */
#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PEM_MAX = 1024 * 1024, AUTHORITIES_MAX = 16 << 20 }; /* bytes of a file */

/* ---- complaints ---------------------------------------------------------------------------- */

static void complain_v(struct complaints *c, bool mild, int index, const char *option,
	const char *fmt, va_list ap)
{
	char text[1024];
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (!mild)
		c->n_errors++;
	if (c->fn)
		c->fn(c->ctx, mild, index, option, text);
}

void complain(struct complaints *c, int index, const char *option, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	complain_v(c, false, index, option, fmt, ap);
	va_end(ap);
}

void complain_mildly(struct complaints *c, int index, const char *option, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	complain_v(c, true, index, option, fmt, ap);
	va_end(ap);
}

const char *openssl_reason(void)
{
	unsigned long e = ERR_get_error();
	const char *reason = ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e))
		: e                              ? ERR_reason_error_string(e)
						 : NULL;
	ERR_clear_error();
	return reason ? reason : "unknown reason";
}

/* ---- contexts ------------------------------------------------------------------------------ */

SSL_CTX *context_new(OSSL_LIB_CTX *lib, const SSL_METHOD *method, int min_version)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(lib, NULL, method);
	check(ctx, "out of memory: a TLS context: %s", openssl_reason());
	(void)SSL_CTX_set_min_proto_version(ctx,
		min_version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* release record buffers of idle connections; send the chain in the file, and never search
	 * for one */
	(void)SSL_CTX_set_mode(ctx,
		SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(ctx, 1); /* one recv takes a whole record and what follows it */
	return ctx;
}

size_t alpn_wire(const char *const *protocols, unsigned char *out, size_t cap)
{
	size_t at = 0;
	for (; *protocols; protocols++) {
		size_t len = strlen(*protocols);
		if (len == 0 || len > 255 || at + 1 + len > cap)
			return 0;
		out[at++] = (unsigned char)len;
		memcpy(out + at, *protocols, len);
		at += len;
	}
	return at;
}

/* ---- files --------------------------------------------------------------------------------- */

char *path_in(const char *dir, sluice_str path)
{
	char *full = NULL;
	int n = !dir || (path.len && path.data[0] == '/')
		? asprintf(&full, "%.*s", STR_ARG(path))
		: asprintf(&full, "%s/%.*s", dir, STR_ARG(path));
	check(n >= 0, "out of memory: %s", "a path");
	return full;
}

/* Warn of a key that others can read: any process that can read it can impersonate the gateway. */
static void pem_check_mode(const struct loaded *l, const char *path, struct complaints *c,
	int index, const char *option)
{
	if ((l->mode & (S_IRGRP | S_IROTH)) && strstr(l->data, "PRIVATE KEY-----"))
		complain_mildly(c, index, option,
			"the private key in %s can be read by %s (mode %03o): chmod 600 it", path,
			l->mode & S_IROTH ? "everybody" : "its group", (unsigned)(l->mode & 0777));
}

bool pem_read(struct pem *p, const char *dir, sluice_str certificate, sluice_str key,
	struct complaints *c, int index)
{
	unsigned before = c->n_errors;
	int error;
	*p = (struct pem){ .certificate_path = path_in(dir, certificate) };
	p->key_path = path_in(dir, key.len ? key : certificate);
	if ((error = load_file(&p->certificate, p->certificate_path, LOAD_REGULAR, PEM_MAX)))
		complain(c, index, "certificate", "cannot read %s: %s", p->certificate_path,
			load_error(error));
	else
		pem_check_mode(&p->certificate, p->certificate_path, c, index, "certificate");
	if (key.len && (error = load_file(&p->key, p->key_path, LOAD_REGULAR, PEM_MAX)))
		complain(c, index, "private_key", "cannot read %s: %s", p->key_path,
			load_error(error));
	else if (key.len)
		pem_check_mode(&p->key, p->key_path, c, index, "private_key");
	return c->n_errors == before;
}

void pem_free(struct pem *p)
{
	load_free(&p->certificate);
	load_free(&p->key);
	free((char *)(uintptr_t)p->certificate_path);
	free((char *)(uintptr_t)p->key_path);
	*p = (struct pem){ 0 };
}

/* ---- certificates -------------------------------------------------------------------------- */

/* The callback for passwords: note that the key has one. Without it OpenSSL would ask on the
 * terminal. */
static int no_password(char *buf, int size, int for_writing, void *asked)
{
	(void)buf, (void)size, (void)for_writing;
	*(bool *)asked = true;
	return -1;
}

static X509 *next_x509(BIO *b, OSSL_LIB_CTX *lib)
{
	X509 *x = X509_new_ex(lib, NULL);
	bool asked = false;
	check(x, "out of memory: %s", "a certificate");
	if (!PEM_read_bio_X509_AUX(b, &x, no_password, &asked)) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static bool parse_chain(struct certificate *cert, BIO *b, OSSL_LIB_CTX *lib)
{
	X509 *x;
	if (!(cert->leaf = next_x509(b, lib)))
		return false;
	while ((x = next_x509(b, lib)))
		if (!sk_X509_push(cert->chain, x)) {
			X509_free(x);
			return false;
		}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error(); /* the error that reports the end of the file */
	return true;
}

bool certificate_parse(struct certificate *cert, const struct pem *p, OSSL_LIB_CTX *lib,
	struct complaints *c, int index)
{
	const char *key_option = p->key.data ? "private_key" : "certificate";
	const struct loaded *key = p->key.data ? &p->key : &p->certificate;
	bool asked = false, good = false;
	BIO *b = BIO_new_mem_buf(p->certificate.data, (int)p->certificate.len),
	    *k = BIO_new_mem_buf(key->data, (int)key->len);
	*cert = (struct certificate){ .chain = sk_X509_new_null() };
	check(b && k && cert->chain, "out of memory: %s", "a certificate");
	ERR_clear_error();
	if (!parse_chain(cert, b, lib)) {
		complain(c, index, "certificate", "no certificate can be read from %s: %s",
			p->certificate_path, openssl_reason());
		goto out;
	}
	cert->key = PEM_read_bio_PrivateKey_ex(k, NULL, no_password, &asked, lib, NULL);
	if (!cert->key && asked) {
		complain(c, index, key_option,
			"the private key in %s has a password: use a key without one", p->key_path);
		goto out;
	}
	if (!cert->key) {
		complain(c, index, key_option, "no private key can be read from %s: %s",
			p->key_path, openssl_reason());
		goto out;
	}
	if (X509_check_private_key(cert->leaf, cert->key) != 1) {
		complain(c, index, key_option,
			"the private key in %s does not belong to the certificate in %s",
			p->key_path, p->certificate_path);
		goto out;
	}
	good = true;
out:
	ERR_clear_error();
	BIO_free(b);
	BIO_free(k);
	if (!good)
		certificate_free(cert);
	return good;
}

void certificate_check_dates(const struct certificate *cert, const struct pem *p,
	struct complaints *c, int index)
{
	if (X509_cmp_current_time(X509_get0_notAfter(cert->leaf)) < 0)
		complain_mildly(c, index, "certificate", "the certificate in %s has expired",
			p->certificate_path);
	if (X509_cmp_current_time(X509_get0_notBefore(cert->leaf)) > 0)
		complain_mildly(c, index, "certificate", "the certificate in %s is not valid yet",
			p->certificate_path);
}

int64_t certificate_expires(const struct certificate *cert)
{
	struct tm tm = { 0 };
	if (!ASN1_TIME_to_tm(X509_get0_notAfter(cert->leaf), &tm))
		return 0;
	return (int64_t)timegm(&tm);
}

void certificate_free(struct certificate *cert)
{
	X509_free(cert->leaf);
	sk_X509_pop_free(cert->chain, X509_free);
	EVP_PKEY_free(cert->key);
	*cert = (struct certificate){ 0 };
}

bool certificate_use(const struct certificate *cert, SSL_CTX *ctx)
{
	return SSL_CTX_use_cert_and_key(ctx, cert->leaf, cert->key, cert->chain, 1) == 1;
}

/* ---- authorities --------------------------------------------------------------------------- */

/* Add the authorities and revocation lists of a file. False when there are none; openssl_reason()
 * says why. */
static bool authorities_add(X509_STORE *store, const struct loaded *l)
{
	BIO *b = BIO_new_mem_buf(l->data, (int)l->len);
	check(b, "out of memory: %s", "certificates of authorities");
	/* the empty password keeps OpenSSL from asking for one */
	STACK_OF(X509_INFO) *all = PEM_X509_INFO_read_bio(b, NULL, NULL, (void *)(uintptr_t) "");
	int n = 0;
	bool ok = all != NULL;
	for (int i = 0; ok && i < sk_X509_INFO_num(all); i++) {
		const X509_INFO *it = sk_X509_INFO_value(all, i);
		n += it->x509 || it->crl;
		ok = (!it->x509 || X509_STORE_add_cert(store, it->x509) == 1) &&
			(!it->crl || X509_STORE_add_crl(store, it->crl) == 1);
	}
	if (ok && !n)
		ERR_raise(ERR_LIB_PEM, PEM_R_NO_START_LINE);
	sk_X509_INFO_pop_free(all, X509_INFO_free);
	BIO_free(b);
	return ok && n;
}

void authorities_load(X509_STORE *store, const char *dir, sluice_str file, const char *option,
	struct complaints *c)
{
	struct loaded l;
	char *path = path_in(dir, file);
	int err = load_file(&l, path, LOAD_REGULAR, AUTHORITIES_MAX);
	ERR_clear_error();
	if (err || !authorities_add(store, &l))
		complain(c, -1, option, "no authorities can be read from %s: %s", path,
			err ? load_error(err) : openssl_reason());
	load_free(&l);
	free(path);
}

bool authorities_revoke(X509_STORE *store)
{
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);
	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		if (X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, i)))
			return true;
	}
	return false;
}

void hash_part(EVP_MD_CTX *md, const void *p, size_t len)
{
	check(EVP_DigestUpdate(md, &len, sizeof(len)) && EVP_DigestUpdate(md, p, len),
		"cannot hash: %s", openssl_reason());
}

void authorities_hash(EVP_MD_CTX *md, X509_STORE *store)
{
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;
	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		X509_OBJECT *o = sk_X509_OBJECT_value(all, i);
		if (X509_OBJECT_get0_X509(o) &&
			X509_digest(X509_OBJECT_get0_X509(o), EVP_sha256(), digest, &len))
			hash_part(md, digest, len);
		else if (X509_OBJECT_get0_X509_CRL(o) &&
			X509_CRL_digest(X509_OBJECT_get0_X509_CRL(o), EVP_sha256(), digest, &len))
			hash_part(md, digest, len);
	}
}
