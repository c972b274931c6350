/* Writing forms. */
#include "form.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { FORM_FIRST = 512 };

static bool is_plain(char c)
{
	return sluice_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '*';
}

size_t form_encoded(sluice_str s)
{
	size_t n = s.len;
	for (size_t i = 0; i < s.len; i++)
		n += is_plain(s.data[i]) || s.data[i] == ' ' ? 0 : 2;
	return n;
}

char *form_encode(char *out, sluice_str s)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (is_plain((char)c)) {
			*out++ = (char)c;
		} else if (c == ' ') {
			*out++ = '+';
		} else {
			*out++ = '%';
			*out++ = hex[c >> 4];
			*out++ = hex[c & 15];
		}
	}
	return out;
}

/* Room for n more bytes. The old bytes are not left behind. */
static bool form_reserve(struct form *f, size_t n)
{
	size_t room = f->room ? f->room : FORM_FIRST;
	if (f->len + n <= f->room)
		return true;
	while (room < f->len + n)
		room *= 2;
	char *text = malloc(room);
	if (!text)
		return false;
	if (f->text) {
		memcpy(text, f->text, f->len);
		OPENSSL_cleanse(f->text, f->len);
		free(f->text);
	}
	f->text = text;
	f->room = room;
	return true;
}

void form_add(struct form *f, sluice_str name, sluice_str value)
{
	if (f->has_failed || !form_reserve(f, form_encoded(name) + form_encoded(value) + 2)) {
		f->has_failed = true;
		return;
	}
	char *at = f->text + f->len;
	if (f->len)
		*at++ = '&';
	at = form_encode(at, name);
	*at++ = '=';
	at = form_encode(at, value);
	f->len = (size_t)(at - f->text);
}

void form_free(struct form *f)
{
	if (f->text)
		OPENSSL_cleanse(f->text, f->len);
	free(f->text);
	*f = (struct form){ .text = NULL };
}
