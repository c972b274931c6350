/* gRPC-Web on the wire. See the header. */
#include "wire.h"

#include <strings.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value of a digit, or -1. */
static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decode a group. Returns the number of bytes, 1 to 3; 0: it is malformed. */
static size_t decode_group(const char *in, char out[3])
{
	int a = digit(in[0]), b = digit(in[1]), c = digit(in[2]), d = digit(in[3]);
	size_t n = in[3] != '=' ? 3 : in[2] != '=' ? 2 : 1;
	if (a < 0 || b < 0 || (n > 1 && c < 0) || (n > 2 && d < 0))
		return 0;
	if ((n == 1 && (b & 15)) || (n == 2 && (c & 3))) /* unused bits must be 0 */
		return 0;
	unsigned v = (unsigned)a << 18 | (unsigned)b << 12 | (n > 1 ? (unsigned)c << 6 : 0) |
		(n > 2 ? (unsigned)d : 0);
	out[0] = (char)(v >> 16);
	out[1] = (char)(v >> 8);
	out[2] = (char)v;
	return n;
}

ptrdiff_t wire_decode(sluice_str text, char *out, size_t *n)
{
	size_t used = 0, written = 0, room = *n;
	while (text.len - used >= 4 && room - written >= 3) {
		size_t got = decode_group(text.data + used, out + written);
		if (got == 0)
			return -1;
		written += got;
		used += 4;
	}
	*n = written;
	return (ptrdiff_t)used;
}

void wire_encode(sluice_str data, char *out)
{
	for (size_t i = 0; i < data.len; i += 3) {
		const unsigned char *p = (const unsigned char *)data.data + i;
		size_t left = data.len - i;
		unsigned v = (unsigned)p[0] << 16 | (left > 1 ? (unsigned)p[1] << 8 : 0) |
			(left > 2 ? p[2] : 0u);
		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
		*out++ = left > 2 ? alphabet[v & 63] : '=';
	}
}

char *wire_line(char *at, sluice_pair f)
{
	for (size_t i = 0; i < f.name.len; i++) {
		char c = f.name.data[i];
		*at++ = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	*at++ = ':';
	*at++ = ' ';
	if (f.value.len)
		memcpy(at, f.value.data, f.value.len);
	at += f.value.len;
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

void wire_trailer_head(char out[WIRE_FRAME_HEAD], size_t n)
{
	out[0] = (char)WIRE_TRAILERS;
	for (int i = 1; i < WIRE_FRAME_HEAD; i++)
		out[i] = (char)(n >> (8 * (WIRE_FRAME_HEAD - 1 - i)));
}

/* Remove a prefix, compared without case. */
static bool cut(sluice_str *s, sluice_str prefix)
{
	if (s->len < prefix.len || strncasecmp(s->data, prefix.data, prefix.len) != 0)
		return false;
	s->data += prefix.len;
	s->len -= prefix.len;
	return true;
}

/* Whether the rest of a media type is empty or "+SUFFIX"; parameters are ignored. */
static bool suffix_is(sluice_str s, sluice_str *suffix)
{
	size_t n = 0;
	while (n < s.len && s.data[n] != ';' && s.data[n] != ' ' && s.data[n] != '\t')
		n++;
	*suffix = (sluice_str){ s.data, n };
	return n == 0 || (s.data[0] == '+' && n > 1);
}

bool wire_is_web(sluice_str type, bool *text, sluice_str *suffix)
{
	if (!cut(&type, SLUICE_STR("application/grpc-web")))
		return false;
	*text = cut(&type, SLUICE_STR("-text"));
	return suffix_is(type, suffix);
}

bool wire_is_grpc(sluice_str type, sluice_str *suffix)
{
	return cut(&type, SLUICE_STR("application/grpc")) && suffix_is(type, suffix);
}
