/* Upgrade and the handshake of WebSocket. See the header. Any thread. */
#include "http/upgrade.h"

#include <openssl/evp.h>

#include "base/hash.h"

enum { KEY_BYTES = 16, SHA1_BYTES = 20 };

sluice_str upgrade_protocol(const struct fields *f)
{
	const struct field *found = NULL;
	/* Upgrade is hop-by-hop and therefore marked as dropped: look at it all the same */
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token != TOKEN_UPGRADE)
			continue;
		if (found)
			return STR_NONE;
		found = &f->v[i];
	}
	sluice_str rest = found ? field_value(found) : STR_NONE, item, more;
	if (!str_list_next(&rest, &item) || str_list_next(&rest, &more))
		return STR_NONE;
	return item;
}

/* n: a multiple of 3, or the rest is padded. */
static void base64(char *out, size_t cap, const unsigned char *p, size_t n)
{
	unsigned char text[UPGRADE_ACCEPT_LEN + 1]; /* and what is written behind it */
	int len = EVP_EncodeBlock(text, p, (int)n);
	check((size_t)len == cap, "base64 of %zu bytes has %d", n, len);
	memcpy(out, text, cap);
}

void upgrade_make_key(char out[UPGRADE_KEY_LEN])
{
	unsigned char bytes[KEY_BYTES];
	random_bytes(bytes, sizeof(bytes));
	base64(out, UPGRADE_KEY_LEN, bytes, sizeof(bytes));
}

static bool is_base64(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '+' || c == '/';
}

sluice_str upgrade_key(const struct fields *f)
{
	const struct field *found = NULL;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token != TOKEN_SEC_WEBSOCKET_KEY || (f->v[i].flags & FIELD_DROP))
			continue;
		if (found)
			return STR_NONE;
		found = &f->v[i];
	}
	sluice_str key = found ? field_value(found) : STR_NONE;
	if (key.len != UPGRADE_KEY_LEN || memcmp(key.data + UPGRADE_KEY_LEN - 2, "==", 2) != 0)
		return STR_NONE;
	for (size_t i = 0; i < UPGRADE_KEY_LEN - 2; i++) {
		if (!is_base64(key.data[i]))
			return STR_NONE;
	}
	return key;
}

/* RFC 6455 4.2.2, 5.4 */
void upgrade_make_accept(sluice_str key, char out[UPGRADE_ACCEPT_LEN])
{
	static const char suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[UPGRADE_KEY_LEN + sizeof(suffix)];
	unsigned char digest[SHA1_BYTES];
	check(key.len == UPGRADE_KEY_LEN, "a key of %zu bytes", key.len);
	memcpy(text, key.data, UPGRADE_KEY_LEN);
	memcpy(text + UPGRADE_KEY_LEN, suffix, sizeof(suffix));
	check(EVP_Digest(text, sizeof(text) - 1, digest, NULL, EVP_sha1(), NULL) == 1,
		"cannot hash: %s", "SHA-1");
	base64(out, UPGRADE_ACCEPT_LEN, digest, sizeof(digest));
}
