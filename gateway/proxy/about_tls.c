/* What is known of a client's TLS connection and certificate. See about.h. */
#include "policy/fact.h"
#include "proxy/about.h"
#include "tls/info.h"
#include "tls/peer.h"

/* NULL: there is nothing to find out. */
static const struct stream *about_stream(const struct conn_info *c)
{
	return c->tls_version && c->listener->stream ? c->listener->stream(c) : NULL;
}

/* ---- texts --------------------------------------------------------------------------------- */

static sluice_str about_cert_text(const struct stream *s, enum fact f, struct arena *a)
{
	switch (f) {
	case FACT_CERT_SUBJECT:
		return tls_peer_text(s, TLS_PEER_SUBJECT, a);
	case FACT_CERT_ISSUER:
		return tls_peer_text(s, TLS_PEER_ISSUER, a);
	case FACT_CERT_SERIAL:
		return tls_peer_text(s, TLS_PEER_SERIAL, a);
	case FACT_CERT_SHA256:
		return tls_peer_text(s, TLS_PEER_SHA256, a);
	case FACT_CERT_PEM:
		return tls_peer_text(s, TLS_PEER_PEM, a);
	case FACT_CERT_DER:
		return tls_peer_text(s, TLS_PEER_DER, a);
	default:
		return STR_NONE; /* not of a connection */
	}
}

/* None of these texts is empty. */
static sluice_str about_copy(sluice_str text, struct arena *a)
{
	return text.len ? arena_str(a, text) : STR_NONE;
}

static sluice_str about_conn_text(const struct stream *s, enum fact f, struct arena *a)
{
	switch (f) {
	case FACT_TLS_CIPHER:
		return about_copy(str_of(tls_cipher_name(s)), a);
	case FACT_TLS_SNI:
		return about_copy(str_of(tls_sni(s)), a);
	case FACT_TLS_ALPN:
		return about_copy(tls_alpn(s), a);
	default:
		return about_cert_text(s, f, a);
	}
}

/* ---- names --------------------------------------------------------------------------------- */

/* The names of a kind: first they are measured, then joined. */
struct about_names {
	char *data; /* in the arena; NULL: they are measured */
	size_t len, n;
};

static void about_add_name(void *ctx, sluice_str name)
{
	static const char joint[] = { ',', ' ' };
	struct about_names *j = ctx;
	if (j->n++) {
		if (j->data)
			memcpy(j->data + j->len, joint, sizeof(joint));
		j->len += sizeof(joint);
	}
	if (j->data)
		memcpy(j->data + j->len, name.data, name.len);
	j->len += name.len;
}

static enum sluice_reading about_names(const struct stream *s, enum tls_peer_name kind,
	struct arena *a, sluice_str *out)
{
	struct about_names size = { .n = 0 }, names = { .n = 0 };
	tls_peer_names(s, kind, about_add_name, &size);
	if (!size.n)
		return SLUICE_READ_NONE;
	names.data = arena_alloc(a, size.len);
	if (!names.data)
		return SLUICE_READ_FAIL;
	tls_peer_names(s, kind, about_add_name, &names);
	*out = str_n(names.data, names.len);
	return names.n == 1 ? SLUICE_READ_ONE : SLUICE_READ_MANY;
}

enum sluice_reading about_tls(const struct conn_info *c, unsigned fact, struct arena *a,
	sluice_str *out)
{
	const struct stream *s = about_stream(c);
	bool failed = a->failed;
	*out = STR_NONE;
	if (!s)
		return SLUICE_READ_NONE;
	switch (fact) {
	case FACT_CERT_DNS:
		return about_names(s, TLS_PEER_DNS, a, out);
	case FACT_CERT_URI:
		return about_names(s, TLS_PEER_URI, a, out);
	case FACT_CERT_EMAIL:
		return about_names(s, TLS_PEER_EMAIL, a, out);
	default:
		*out = about_conn_text(s, (enum fact)fact, a);
		break;
	}
	if (out->data)
		return SLUICE_READ_ONE;
	return a->failed && !failed ? SLUICE_READ_FAIL : SLUICE_READ_NONE;
}
