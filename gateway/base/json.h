/*
 * Writing JSON (RFC 8259): access log lines, problem documents, status pages, the configuration's
 * schema. Commas are put where they belong, strings are escaped, and bytes that are not UTF-8
 * become U+FFFD, so that the output is JSON whatever the input was. When there is no room left, the
 * writer writes nothing more and sets `full`. One thread at a time for each writer.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/str.h"

struct json_out {
	char *start, *at, *end; /* what is written, where the next byte goes, where the room ends */
	/* most bytes a growing buffer may take; 0: the buffer is the caller's and does not grow */
	size_t max;
	/* something did not fit: what was written is no whole document; stays set */
	bool full;
	bool pretty; /* one member a line, indented; set it before the first byte */
	unsigned depth;
};

/* Write into the caller's buffer. */
void json_init(struct json_out *o, char *buf, size_t size);
/* Write into memory that grows up to max bytes; json_fini() gives it back. */
void json_init_heap(struct json_out *o, size_t max);
void json_fini(struct json_out *o);

static inline sluice_str json_text(const struct json_out *o)
{
	return str_n(o->start, (size_t)(o->at - o->start));
}

void json_open(struct json_out *o, char bracket);  /* '{' or '[' */
void json_close(struct json_out *o, char bracket); /* '}' or ']' */
/* The name of the next member; a value must follow. */
void json_key(struct json_out *o, sluice_str name);

void json_str(struct json_out *o, sluice_str s); /* data NULL: "" */
/* At most max bytes of s, cut between characters, with an ellipsis behind them where it was cut. */
void json_str_cut(struct json_out *o, sluice_str s, size_t max);
/* at most 1 KiB */
void json_strf(struct json_out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void json_int(struct json_out *o, int64_t v);
void json_uint(struct json_out *o, uint64_t v);
/* v / 10^decimals, e.g. nanoseconds as milliseconds: json_fixed(o, ns, 6) writes 1.25 for 1250000.
 * decimals <= 18. */
void json_fixed(struct json_out *o, uint64_t v, unsigned decimals);
void json_bool(struct json_out *o, bool v);
void json_null(struct json_out *o);

/* A member: its name and its value. json_put_some(): nothing for an empty value. */
void json_put_str(struct json_out *o, const char *name, sluice_str s);
void json_put_some(struct json_out *o, const char *name, sluice_str s);
void json_put_uint(struct json_out *o, const char *name, uint64_t v);

/* Bytes as they are, without a comma before them: for parts rendered beforehand, and the newline
 * after a document. */
void json_raw_slow(struct json_out *o, const char *p, size_t n);
static inline void json_raw(struct json_out *o, sluice_str s)
{
	if (likely(s.len <= (size_t)(o->end - o->at) && !o->full && s.len)) {
		memcpy(o->at, s.data, s.len);
		o->at += s.len;
	} else {
		json_raw_slow(o, s.data, s.len);
	}
}

#endif
