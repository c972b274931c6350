/*
 * Writing JSON. Whether a comma is due is read off the last byte written: none after '{', '[', ':'
 * and ',', nor at the start of a line. A string cannot be mistaken for one of these, because it
 * ends with its quote.
 */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

enum { JSON_FIRST = 1024 };

void json_init(struct json_out *o, char *buf, size_t size)
{
	*o = (struct json_out){ .start = buf, .at = buf, .end = buf + size };
}

void json_init_heap(struct json_out *o, size_t max)
{
	check(max, "a growing buffer needs a bound");
	*o = (struct json_out){ .max = max };
}

void json_fini(struct json_out *o)
{
	if (o->max)
		free(o->start);
	*o = (struct json_out){ 0 };
}

/* Whether there is room for n more bytes. Once it is false it stays false, so that a document is
 * cut short rather than has a gap. */
static bool json_room(struct json_out *o, size_t n)
{
	if (likely(!o->full && n <= (size_t)(o->end - o->at)))
		return true;
	size_t used = (size_t)(o->at - o->start), size = (size_t)(o->end - o->start);
	if (o->full || !o->max || n > o->max - used) {
		o->full = true;
		return false;
	}
	if (size < JSON_FIRST)
		size = JSON_FIRST;
	while (size - used < n)
		size = size > o->max / 2 ? o->max : size * 2;
	if (size > o->max)
		size = o->max;
	char *p = realloc(o->start, size);
	if (!p) {
		o->full = true;
		return false;
	}
	o->start = p;
	o->at = p + used;
	o->end = p + size;
	return true;
}

void json_raw_slow(struct json_out *o, const char *p, size_t n)
{
	if (n && json_room(o, n)) {
		memcpy(o->at, p, n);
		o->at += n;
	}
}

static void json_byte(struct json_out *o, char c)
{
	if (json_room(o, 1))
		*o->at++ = c;
}

static void json_indent(struct json_out *o)
{
	json_byte(o, '\n');
	for (unsigned i = 0; i < o->depth; i++)
		json_raw(o, STR("  "));
}

/* Write the separator before a value or a name. */
static void json_sep(struct json_out *o)
{
	char last = o->at > o->start ? o->at[-1] : '\n';
	if (last == ':') {
		if (o->pretty)
			json_byte(o, ' ');
		return;
	}
	if (last != '{' && last != '[' && last != ',' && last != '\n')
		json_byte(o, ',');
	if (o->pretty && o->depth)
		json_indent(o);
}

void json_open(struct json_out *o, char bracket)
{
	json_sep(o);
	json_byte(o, bracket);
	o->depth++;
}

void json_close(struct json_out *o, char bracket)
{
	check(o->depth || o->full, "'%c' closes nothing", bracket);
	if (o->depth)
		o->depth--;
	if (o->pretty && o->at > o->start && o->at[-1] != '{' && o->at[-1] != '[')
		json_indent(o);
	json_byte(o, bracket);
}

/* The number of bytes at p that are ASCII and need no escape. Looks at eight at a time, then one by
 * one. */
static size_t json_plain(const char *p, size_t n)
{
	const uint64_t ones = 0x0101010101010101ull, tops = 0x8080808080808080ull;
	size_t i = 0;
	for (; i + 8 <= n; i += 8) {
		uint64_t w;
		memcpy(&w, p + i, 8);
		uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
		/* a top bit is set for each byte below 0x20, each quote and backslash, and each
		 * byte that is not ASCII; a borrow may set it for the next byte as well; then the
		 * exact loop decides */
		if (((w - ones * 0x20) | (quote - ones) | (slash - ones) | w) & tops)
			break;
	}
	for (; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			break;
	}
	return i;
}

static void json_escape(struct json_out *o, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char brief
		[32] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
	char e[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c == '"' || c == '\\')
		e[1] = (char)c;
	else if (brief[c])
		e[1] = brief[c];
	json_raw(o, str_n(e, e[1] == 'u' ? 6 : 2));
}

static void json_chars(struct json_out *o, const char *p, size_t n)
{
	while (n) {
		size_t len = json_plain(p, n);
		if (len == 0 && (unsigned char)*p >= 0x80)
			len = utf8_len(p, n);
		if (len) {
			json_raw(o, str_n(p, len));
		} else {
			len = 1;
			if ((unsigned char)*p >= 0x80)
				json_raw(o, STR("\xef\xbf\xbd")); /* U+FFFD */
			else
				json_escape(o, (unsigned char)*p);
		}
		p += len;
		n -= len;
	}
}

void json_str(struct json_out *o, sluice_str s)
{
	json_sep(o);
	json_byte(o, '"');
	json_chars(o, s.data, s.len);
	json_byte(o, '"');
}

void json_str_cut(struct json_out *o, sluice_str s, size_t max)
{
	size_t n = utf8_cut(s.data, s.len, max);
	json_sep(o);
	json_byte(o, '"');
	json_chars(o, s.data, n);
	if (n < s.len)
		json_raw(o, STR("\xe2\x80\xa6")); /* U+2026 */
	json_byte(o, '"');
}

void json_strf(struct json_out *o, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	check(n >= 0, "bad format %s", fmt);
	json_str(o, str_n(buf, (size_t)n < sizeof(buf) ? (size_t)n : sizeof(buf) - 1));
}

void json_key(struct json_out *o, sluice_str name)
{
	json_str(o, name);
	json_byte(o, ':');
}

/* The digits of v end at end; returns where they begin. */
static char *json_digits(char *end, uint64_t v)
{
	do {
		*--end = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return end;
}

void json_uint(struct json_out *o, uint64_t v)
{
	char buf[20], *end = buf + sizeof(buf), *p = json_digits(end, v);
	json_sep(o);
	json_raw(o, str_n(p, (size_t)(end - p)));
}

void json_int(struct json_out *o, int64_t v)
{
	char buf[21], *end = buf + sizeof(buf), *p;
	p = json_digits(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
	if (v < 0)
		*--p = '-';
	json_sep(o);
	json_raw(o, str_n(p, (size_t)(end - p)));
}

void json_fixed(struct json_out *o, uint64_t v, unsigned decimals)
{
	char buf[40], *end = buf + sizeof(buf), *p = end;
	bool digits = false;

	check(decimals <= 18, "%u decimals", decimals);
	for (unsigned i = 0; i < decimals; i++, v /= 10) {
		char c = (char)('0' + v % 10);
		digits |= c != '0'; /* leave out trailing zeros */
		if (digits)
			*--p = c;
	}
	if (digits)
		*--p = '.';
	p = json_digits(p, v);
	json_sep(o);
	json_raw(o, str_n(p, (size_t)(end - p)));
}

void json_bool(struct json_out *o, bool v)
{
	json_sep(o);
	json_raw(o, v ? STR("true") : STR("false"));
}

void json_null(struct json_out *o)
{
	json_sep(o);
	json_raw(o, STR("null"));
}

void json_put_str(struct json_out *o, const char *name, sluice_str s)
{
	json_key(o, str_of(name));
	json_str(o, s);
}

void json_put_some(struct json_out *o, const char *name, sluice_str s)
{
	if (s.len)
		json_put_str(o, name, s);
}

void json_put_uint(struct json_out *o, const char *name, uint64_t v)
{
	json_key(o, str_of(name));
	json_uint(o, v);
}
