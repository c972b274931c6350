/* The certificate of a client. See peer.h. */
#include "tls/peer.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls/state.h"
#include "tls/transport.h"

static const char hex_digits[] = "0123456789abcdef";

/* Borrowed: lives as long as the stream. NULL: there is none. */
static X509 *peer_certificate(const struct stream *s)
{
	const struct tls *t = s->transport == &transport_tls ? s->tls : NULL;
	if (!t || !(t->flags & TLS_OPEN) || !SSL_is_server(t->ssl) ||
		SSL_get_verify_result(t->ssl) != X509_V_OK)
		return NULL;
	return SSL_get0_peer_certificate(t->ssl);
}

/* ---- texts --------------------------------------------------------------------------------- */

/* What was written to b, which is freed. OpenSSL's error queue stays empty. */
static sluice_str peer_take(BIO *b, bool ok, struct arena *a)
{
	char *data = NULL;
	long n = ok ? BIO_get_mem_data(b, &data) : 0;
	sluice_str text = STR_NONE;
	if (ok)
		text = arena_str(a, n > 0 ? str_n(data, (size_t)n) : STR(""));
	BIO_free(b);
	ERR_clear_error();
	return text;
}

static BIO *peer_memory(void)
{
	BIO *b = BIO_new(BIO_s_mem());
	check(b, "out of memory: %s", "a client's certificate");
	return b;
}

static sluice_str peer_name(const X509_NAME *name, struct arena *a)
{
	BIO *b = peer_memory();
	/* control bytes stay escaped */
	unsigned long how = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	bool ok = X509_NAME_print_ex(b, name, 0, how) >= 0;
	return peer_take(b, ok, a);
}

static sluice_str peer_serial(const X509 *cert, struct arena *a)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = number ? BN_bn2hex(number) : NULL;
	sluice_str text = hex ? arena_str(a, str_of(hex)) : STR_NONE;
	OPENSSL_free(hex);
	BN_free(number);
	ERR_clear_error();
	return text;
}

static sluice_str peer_sha256(const X509 *cert, struct arena *a)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool ok = X509_digest(cert, EVP_sha256(), digest, &len) == 1;
	char *text = ok ? arena_alloc(a, (size_t)len * 2) : NULL;
	if (!text)
		return STR_NONE;
	for (unsigned i = 0; i < len; i++) {
		text[2 * i] = hex_digits[digest[i] >> 4];
		text[2 * i + 1] = hex_digits[digest[i] & 15];
	}
	return str_n(text, (size_t)len * 2);
}

static sluice_str peer_pem(X509 *cert, struct arena *a)
{
	BIO *b = peer_memory();
	bool ok = PEM_write_bio_X509(b, cert) == 1;
	return peer_take(b, ok, a);
}

static sluice_str peer_der(const X509 *cert, struct arena *a)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	/* EVP_EncodeBlock() writes a NUL behind it */
	char *text = len > 0 ? arena_alloc(a, ((size_t)len + 2) / 3 * 4 + 1) : NULL;
	sluice_str out = STR_NONE;
	if (text)
		out = str_n(text, (size_t)EVP_EncodeBlock((unsigned char *)text, der, len));
	OPENSSL_free(der);
	return out;
}

sluice_str tls_peer_text(const struct stream *s, enum tls_peer_text what, struct arena *a)
{
	X509 *cert = peer_certificate(s);
	if (!cert)
		return STR_NONE;
	switch (what) {
	case TLS_PEER_SUBJECT:
		return peer_name(X509_get_subject_name(cert), a);
	case TLS_PEER_ISSUER:
		return peer_name(X509_get_issuer_name(cert), a);
	case TLS_PEER_SERIAL:
		return peer_serial(cert, a);
	case TLS_PEER_SHA256:
		return peer_sha256(cert, a);
	case TLS_PEER_PEM:
		return peer_pem(cert, a);
	case TLS_PEER_DER:
		return peer_der(cert, a);
	}
	return STR_NONE;
}

/* ---- names --------------------------------------------------------------------------------- */

static bool peer_name_is_plain(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f)
			return false;
	}
	return s.len > 0;
}

void tls_peer_names(const struct stream *s, enum tls_peer_name kind,
	void (*fn)(void *ctx, sluice_str name), void *ctx)
{
	static const int types[] = { [TLS_PEER_DNS] = GEN_DNS,
		[TLS_PEER_URI] = GEN_URI,
		[TLS_PEER_EMAIL] = GEN_EMAIL };
	X509 *cert = peer_certificate(s);
	GENERAL_NAMES *all = cert ? X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL) : NULL;
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		int type;
		const ASN1_STRING *v =
			GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all, i), &type);
		if (type != types[kind])
			continue;
		sluice_str name = str_n((const char *)ASN1_STRING_get0_data(v),
			(size_t)ASN1_STRING_length(v));
		if (peer_name_is_plain(name))
			fn(ctx, name);
	}
	GENERAL_NAMES_free(all);
	ERR_clear_error();
}
