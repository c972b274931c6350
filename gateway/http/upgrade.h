/*
 * Upgrade of HTTP/1.1 (RFC 9110 7.8), and the gateway's part of the WebSocket handshake (RFC 6455
 * 4): HTTP/2 has neither key nor accept (RFC 8441 5), so its codecs make a key and check or compute
 * the accept. No I/O. Any thread.
 */
#ifndef HTTP_UPGRADE_H
#define HTTP_UPGRADE_H

#include "http/head.h"

enum { UPGRADE_KEY_LEN = 24, UPGRADE_ACCEPT_LEN = 28 };

/* The one protocol that Upgrade names, also where the field is marked as dropped; empty: there is
 * none, or a choice. */
sluice_str upgrade_protocol(const struct fields *f);
static inline bool upgrade_is_websocket(sluice_str protocol)
{
	return str_ieq(protocol, STR("websocket"));
}
/* A new Sec-WebSocket-Key. */
void upgrade_make_key(char out[UPGRADE_KEY_LEN]);
/* The Sec-WebSocket-Key, when it is there once and is base64 of 16 bytes (RFC 6455 4.2.1); else
 * empty. */
sluice_str upgrade_key(const struct fields *f);
/* The Sec-WebSocket-Accept for a key. */
void upgrade_make_accept(sluice_str key, char out[UPGRADE_ACCEPT_LEN]);

#endif
