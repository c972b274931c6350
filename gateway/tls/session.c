/* Sessions of the client's side. See session.h. */
#include "tls/session.h"

#include <openssl/ssl.h>

void tls_session_slot_fini(struct tls_session_slot *slot)
{
	SSL_SESSION_free(slot->session);
	slot->session = NULL;
}

/* Called by OpenSSL for a session that can be resumed: after the handshake, or when a ticket comes
 * later. 1: the slot keeps it. */
static int session_on_new(SSL *ssl, SSL_SESSION *session)
{
	struct tls_session_slot *slot = SSL_get_app_data(ssl);
	if (!slot)
		return 0;
	SSL_SESSION_free(slot->session);
	slot->session = session;
	return 1;
}

void tls_session_keep(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_session_cache_mode(ctx,
		SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, session_on_new);
}

void tls_session_begin(struct tls_session_slot *slot, SSL *ssl, uint64_t client)
{
	if (!slot || SSL_set_app_data(ssl, slot) != 1)
		return;
	if (slot->session && slot->client == client)
		(void)SSL_set_session(ssl, slot->session);
	else
		tls_session_slot_fini(slot);
	slot->client = client;
}

/* A TLS 1.2 server may replace the ticket of a resumed session. OpenSSL does not call
 * session_on_new() for that, so the session is taken here. */
void tls_session_opened(struct tls_session_slot *slot, SSL *ssl)
{
	SSL_SESSION *now = SSL_get0_session(ssl);
	if (!SSL_session_reused(ssl) || SSL_version(ssl) >= TLS1_3_VERSION || now == slot->session)
		return;
	SSL_SESSION_free(slot->session);
	slot->session = SSL_get1_session(ssl);
}
