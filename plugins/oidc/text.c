/* Texts. See the header. */
#include "text.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "../jose/sign.h"

/* RFC 3986 2.3 */
static bool is_unreserved(char c)
{
	return sluice_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

size_t text_escaped(sluice_str s)
{
	size_t n = s.len;
	for (size_t i = 0; i < s.len; i++)
		n += is_unreserved(s.data[i]) ? 0 : 2;
	return n;
}

char *text_escape(char *at, sluice_str s)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (is_unreserved(s.data[i])) {
			*at++ = s.data[i];
			continue;
		}
		*at++ = '%';
		*at++ = digits[c >> 4];
		*at++ = digits[c & 15];
	}
	return at;
}

char *text_random(char *at, size_t bytes)
{
	uint8_t buf[64];
	if (bytes > sizeof buf || RAND_bytes(buf, (int)bytes) != 1)
		return NULL;
	return b64url_encode(at, buf, bytes);
}

/* Decode one value; false: it is escaped badly, or has a control character. */
static bool decode(sluice_str in, char *out, sluice_str *value)
{
	char *at = out;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.data[i] == '+' ? ' ' : in.data[i];
		if (c == '%') {
			bool has_both = in.len - i > 2;
			int high = has_both ? sluice_hex_value(in.data[i + 1]) : -1;
			int low = has_both ? sluice_hex_value(in.data[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(unsigned char)(high << 4 | low);
			i += 2;
		}
		if ((unsigned char)c < 0x20 || (unsigned char)c == 0x7f)
			return false;
		*at++ = c;
	}
	*value = sluice_str_n(out, (size_t)(at - out));
	return true;
}

enum text_found text_parameter(sluice_str query, sluice_str name, char *out, sluice_str *value)
{
	sluice_str found = SLUICE_STR_NONE;
	while (query.len) {
		sluice_str rest = sluice_str_cut(&query, '&'), key = sluice_str_cut(&rest, '=');
		if (!sluice_str_eq(key, name))
			continue;
		if (found.data)
			return TEXT_WRONG;
		found = rest.data ? rest : SLUICE_STR("");
	}
	if (!found.data)
		return TEXT_NONE;
	return decode(found, out, value) ? TEXT_ONE : TEXT_WRONG;
}

bool text_same(sluice_str a, sluice_str b)
{
	return a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}
