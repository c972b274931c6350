/* A text that is written into memory of the caller, with a bound: when it is full, nothing more is
 * written, and one look at the end is enough. Any thread. */
#ifndef HTTPSIG_TEXT_H
#define HTTPSIG_TEXT_H

#include <sluice/str.h>

struct text {
	char *data; /* borrowed */
	size_t len, room;
	bool is_full;
};

static inline void text_put(struct text *t, sluice_str s)
{
	if (t->is_full || s.len > t->room - t->len) {
		t->is_full = true;
		return;
	}
	(void)sluice_str_put(t->data + t->len, s);
	t->len += s.len;
}

static inline void text_put_char(struct text *t, char c)
{
	text_put(t, sluice_str_n(&c, 1));
}

/* What was written from the byte at `from` on. */
static inline sluice_str text_from(const struct text *t, size_t from)
{
	return sluice_str_n(t->data + from, t->len - from);
}

/* Base64 (RFC 4648 4) of n bytes. */
void text_put_base64(struct text *t, const void *bytes, size_t n);

#endif
