/* A keyed digest of a short text: HMAC-SHA-256 (RFC 2104). Any thread. */
#ifndef TLS_HMAC_H
#define TLS_HMAC_H

#include "base/str.h"

enum { HMAC_BYTES = 32 };

void hmac_sha256(sluice_str key, sluice_str text, unsigned char out[HMAC_BYTES]);

#endif
