/* Base64 (RFC 4648 4), read strictly. Any thread. */
#ifndef HTTPSIG_BASE64_H
#define HTTPSIG_BASE64_H

#include <sluice/str.h>

/* Bytes that a text of len characters can decode to, at most. */
#define BASE64_BYTES(len) ((len) / 4 * 3)

/* Whether s is Base64 with its padding, and without set bits beyond the last byte: what an encoder
 * writes. An empty text is. */
bool base64_is(sluice_str s);
/* Decode such a text; out has room for BASE64_BYTES(s.len). Returns how many bytes it has. */
size_t base64_decode(sluice_str s, uint8_t *out);

#endif
