/* What is known of a TLS connection. */
#include "tls/info.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "tls/state.h"
#include "tls/transport.h"

static struct tls *tls_of(const struct stream *s)
{
	return s->transport == &transport_tls ? s->tls : NULL;
}

static struct tls *tls_open(const struct stream *s)
{
	struct tls *t = tls_of(s);
	return t && (t->flags & TLS_OPEN) ? t : NULL;
}

bool tls_was_truncated(const struct stream *s)
{
	struct tls *t = tls_of(s);
	return t && (t->flags & TLS_RAW_EOF);
}

static int tls_verify_text(SSL *ssl, char *buf, size_t n)
{
	X509_VERIFY_PARAM *want = SSL_get0_param(ssl);
	long result = SSL_get_verify_result(ssl);
	const char *text = X509_verify_cert_error_string(result);
	if (result == X509_V_ERR_HOSTNAME_MISMATCH)
		return snprintf(buf, n, "certificate verify failed: %s: it is not for %s", text,
			X509_VERIFY_PARAM_get0_host(want, 0));
	if (result == X509_V_ERR_IP_ADDRESS_MISMATCH) {
		char *ip = X509_VERIFY_PARAM_get1_ip_asc(want);
		int len = snprintf(buf, n, "certificate verify failed: %s: it is not for %s", text,
			ip ? ip : "it");
		OPENSSL_free(ip);
		return len;
	}
	return snprintf(buf, n, "certificate verify failed: %s", text);
}

bool tls_is_plain_http(const struct stream *s)
{
	const struct tls *t = tls_of(s);
	int reason = t && ERR_GET_LIB(t->error) == ERR_LIB_SSL ? ERR_GET_REASON(t->error) : 0;
	return reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST;
}

size_t tls_error_text(const struct stream *s, char *buf, size_t n)
{
	struct tls *t = tls_of(s);
	int reason = t ? ERR_GET_REASON(t->error) : 0, len = 0;
	char system[128];
	buf[0] = '\0';
	if (!t)
		return 0;
	if (t->why)
		len = snprintf(buf, n, "%s", t->why);
	else if (t->error && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		len = tls_verify_text(t->ssl, buf, n);
	else if (t->error && reason >= SSL_AD_REASON_OFFSET)
		len = snprintf(buf, n, "refused by the other side: %s",
			SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	else if (t->error)
		len = snprintf(buf, n, "%s",
			ERR_reason_error_string(t->error) ? ERR_reason_error_string(t->error)
							  : "unknown");
	else if (t->error_no)
		len = snprintf(buf, n, "%s", strerror_r(t->error_no, system, sizeof(system)));
	else if ((t->flags & TLS_RAW_EOF) && !(t->flags & TLS_OPEN))
		len = snprintf(buf, n, "closed by the other side during the handshake");
	return len < 0 ? 0 : (size_t)len < n ? (size_t)len : n - 1;
}

sluice_str tls_alpn(const struct stream *s)
{
	struct tls *t = tls_open(s);
	const unsigned char *name = NULL;
	unsigned len = 0;
	if (t)
		SSL_get0_alpn_selected(t->ssl, &name, &len);
	return len ? str_n((const char *)name, len) : STR("");
}

const char *tls_version_name(const struct stream *s)
{
	struct tls *t = tls_open(s);
	return t ? SSL_get_version(t->ssl) : "";
}

const char *tls_cipher_name(const struct stream *s)
{
	struct tls *t = tls_open(s);
	return t ? SSL_get_cipher_name(t->ssl) : "";
}

const char *tls_sni(const struct stream *s)
{
	struct tls *t = tls_open(s);
	const char *name = t ? SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
	return name ? name : "";
}

bool tls_was_resumed(const struct stream *s)
{
	struct tls *t = tls_open(s);
	return t && SSL_session_reused(t->ssl);
}

bool tls_certificate_covers(const struct stream *s, sluice_str host)
{
	struct tls *t = tls_open(s);
	X509 *cert = t ? SSL_get_certificate(t->ssl) : NULL;
	char text[256];
	if (!cert || host.len == 0 || host.len >= sizeof(text))
		return false;
	bool brackets = host.data[0] == '[';
	sluice_str name = brackets ? str_n(host.data + 1, host.len - 2) : host;
	memcpy(text, name.data, name.len);
	text[name.len] = 0;
	if (brackets || text[strspn(text, "0123456789.")] == 0)
		return X509_check_ip_asc(cert, text, 0) == 1;
	return X509_check_host(cert, text, name.len, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) ==
		1;
}
