/* The chunked transfer coding. Any thread. */
#include "http1/chunk.h"

#include "http/scan.h"
#include "http1/parse.h"
#include "http1/write.h"

/*
 *  SIZE -> (BLANK) -> (EXT) -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *                                  \ size 0: TRAILER -> END_LF -> DONE
 *                                              \ LINE -> LINE_LF -> TRAILER
 */
enum chunk_state {
	STATE_SIZE,    /* digits */
	STATE_BLANK,   /* blanks before ';' (BWS) */
	STATE_EXT,     /* extensions up to CR */
	STATE_SIZE_LF, /* LF of the size line */
	STATE_DATA,
	STATE_DATA_CR,
	STATE_DATA_LF,
	STATE_TRAILER, /* at the start of a trailer line, or of the empty line */
	STATE_LINE,    /* in a trailer line */
	STATE_LINE_LF,
	STATE_END_LF,
	STATE_DONE,
	STATE_BAD,
};

enum { DIGITS_MAX = 16, TEXT_FIRST = 256 };

void chunk_decoder_init(struct chunk_decoder *d, struct arena *a, int err)
{
	*d = (struct chunk_decoder){ .arena = a, .err = err, .state = STATE_SIZE };
}

const char *chunk_where(const struct chunk_decoder *d)
{
	static const char *const names[] = {
		[STATE_SIZE] = "the size of a chunk",
		[STATE_BLANK] = "behind the size of a chunk",
		[STATE_EXT] = "the extension of a chunk",
		[STATE_SIZE_LF] = "behind the CR of a chunk's size",
		[STATE_DATA] = "the data of a chunk",
		[STATE_DATA_CR] = "behind the data of a chunk, where CRLF must stand",
		[STATE_DATA_LF] = "behind the CR that ends a chunk",
		[STATE_TRAILER] = "the trailers",
		[STATE_LINE] = "a trailer line",
		[STATE_LINE_LF] = "behind the CR of a trailer line",
		[STATE_END_LF] = "behind the last CR",
		[STATE_DONE] = "the trailers",
	};
	return names[d->failed_in];
}

static int chunk_fail(struct chunk_decoder *d, int err)
{
	d->failed_in = d->state;
	d->state = STATE_BAD;
	d->err = err;
	return err;
}

/* ---- trailers ------------------------------------------------------------------------------ */

static int trailers_parse(struct chunk_decoder *d)
{
	if (d->text_len == 0)
		return 0;
	int rc = http1_parse_fields(&d->trailers, d->text, d->text + d->text_len, d->arena,
		CHUNK_TRAILER_FIELDS);
	if (rc)
		return chunk_fail(d, rc == ERR_NO_MEMORY ? rc : d->err);
	for (uint32_t i = 0; i < d->trailers.n; i++) {
		if (field_is_no_trailer(&d->trailers.v[i]))
			d->trailers.v[i].flags |= FIELD_DROP;
	}
	return 0;
}

/* The text may move only while no slice of it exists. */
static int trailer_append(struct chunk_decoder *d, const char *p, size_t n)
{
	if (n > CHUNK_TRAILER_MAX - d->text_len)
		return chunk_fail(d, d->err);
	if (n > d->text_cap - d->text_len) {
		uint32_t cap = d->text_cap ? d->text_cap : TEXT_FIRST;
		while (cap - d->text_len < n)
			cap *= 2;
		char *text = arena_alloc(d->arena, cap);
		if (!text)
			return chunk_fail(d, ERR_NO_MEMORY);
		if (d->text_len)
			memcpy(text, d->text, d->text_len);
		d->text = text;
		d->text_cap = cap;
	}
	memcpy(d->text + d->text_len, p, n);
	d->text_len += (uint32_t)n;
	return 0;
}

/* ---- decoding ------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A size line that ends with LF alone. */
static bool size_line_feed(struct chunk_decoder *d, const char **p)
{
	if (!(d->accept & CHUNK_LF))
		return false;
	d->state = d->left ? STATE_DATA : STATE_TRAILER;
	(*p)++;
	return true;
}

/* A size line that ends behind blanks. Servers that pad their sizes do so in every chunk, so that
 * the blanks do not count as extensions. */
static bool size_line_end(struct chunk_decoder *d, const char **p)
{
	if (!(d->accept & CHUNK_BLANKS))
		return false;
	d->ext = 0;
	if (**p == '\n')
		return size_line_feed(d, p);
	if (**p != '\r')
		return false;
	d->state = STATE_SIZE_LF;
	(*p)++;
	return true;
}

/* Read the digits of a size. False: the byte at *p cannot follow in a size line. */
static bool size_digits(struct chunk_decoder *d, const char **p, const char *end)
{
	for (; *p < end; (*p)++) {
		int v = hex_digit(**p);
		if (v < 0)
			break;
		if (d->digits == DIGITS_MAX)
			return false;
		d->left = d->left << 4 | (uint64_t)v;
		d->digits++;
	}
	if (*p == end)
		return true;
	if (d->digits == 0)
		return false;
	switch (**p) {
	case '\r':
		d->state = STATE_SIZE_LF;
		(*p)++;
		return true;
	case '\n':
		return size_line_feed(d, p);
	case ';':
	case ' ':
	case '\t':
		d->state = STATE_BLANK;
		return true;
	default:
		return false;
	}
}

/* Everything from the blanks before ';' to the CR counts as extension. */
static bool extensions(struct chunk_decoder *d, const char **p, const char *end)
{
	const char *from = *p;
	if (d->state == STATE_BLANK) {
		while (*p < end && (**p == ' ' || **p == '\t'))
			(*p)++;
		if (*p < end && **p != ';')
			return size_line_end(d, p);
		if (*p < end)
			d->state = STATE_EXT;
	}
	if (d->state == STATE_EXT)
		*p = scan_value(*p, end);
	if ((size_t)(*p - from) > CHUNK_EXT_MAX - d->ext)
		return false;
	d->ext += (uint32_t)(*p - from);
	if (*p < end) {
		if (**p != '\r')
			return false;
		d->state = STATE_SIZE_LF;
		(*p)++;
	}
	return true;
}

/* The rest of a trailer line. 0, or the error. */
static int trailer_line(struct chunk_decoder *d, const char **p, const char *end)
{
	const char *from = *p;
	*p = scan_value(from, end);
	if (*p < end) {
		if (**p == '\n' && (d->accept & CHUNK_LF)) {
			int rc = trailer_append(d, from, (size_t)(*p - from));
			(*p)++;
			d->state = STATE_TRAILER;
			return rc ? rc : trailer_append(d, "\r\n", 2);
		}
		if (**p != '\r')
			return chunk_fail(d, d->err);
		d->state = STATE_LINE_LF;
		(*p)++;
	}
	return trailer_append(d, from, (size_t)(*p - from));
}

/* Consume one byte, which must be this one. */
static bool expect(struct chunk_decoder *d, const char **p, char c, enum chunk_state next)
{
	if (*(*p)++ != c)
		return false;
	d->state = (uint8_t)next;
	return true;
}

/* One step from a state that is neither DATA nor final, with at least one byte to consume. 0, or
 * the error. */
static int chunk_step(struct chunk_decoder *d, const char **p, const char *end)
{
	bool ok = true;
	switch ((enum chunk_state)d->state) {
	case STATE_SIZE:
		ok = size_digits(d, p, end);
		break;
	case STATE_BLANK:
	case STATE_EXT:
		ok = extensions(d, p, end);
		break;
	case STATE_SIZE_LF:
		ok = expect(d, p, '\n', d->left ? STATE_DATA : STATE_TRAILER);
		break;
	case STATE_DATA_CR:
		if (**p == '\n' && (d->accept & CHUNK_LF)) {
			d->digits = 0;
			return expect(d, p, '\n', STATE_SIZE) ? 0 : d->err;
		}
		ok = expect(d, p, '\r', STATE_DATA_LF);
		break;
	case STATE_DATA_LF:
		ok = expect(d, p, '\n', STATE_SIZE);
		d->digits = 0;
		break;
	case STATE_TRAILER:
		if (**p == '\r')
			return expect(d, p, '\r', STATE_END_LF) ? 0 : d->err;
		if (**p == '\n' && (d->accept & CHUNK_LF))
			return expect(d, p, '\n', STATE_DONE) ? trailers_parse(d) : d->err;
		d->state = STATE_LINE;
		return 0;
	case STATE_LINE:
		return trailer_line(d, p, end);
	case STATE_LINE_LF:
		ok = expect(d, p, '\n', STATE_TRAILER);
		if (ok)
			return trailer_append(d, "\n", 1);
		break;
	case STATE_END_LF:
		ok = expect(d, p, '\n', STATE_DONE);
		if (ok)
			return trailers_parse(d);
		break;
	case STATE_DATA:
	case STATE_DONE:
	case STATE_BAD:
		check(false, "chunk_step() in state %d", d->state);
	}
	return ok ? 0 : chunk_fail(d, d->err);
}

int chunk_decode(struct chunk_decoder *d, const char *p, size_t n, size_t *skip, size_t *data)
{
	const char *at = p, *end = p + n;

	*data = 0;
	while (at < end && d->state < STATE_DONE) {
		if (d->state == STATE_DATA) {
			size_t run = (size_t)(end - at) < d->left ? (size_t)(end - at)
								  : (size_t)d->left;
			*skip = (size_t)(at - p);
			*data = run;
			d->left -= run;
			if (d->left == 0)
				d->state = STATE_DATA_CR;
			return CHUNK_DATA;
		}
		int rc = chunk_step(d, &at, end);
		if (rc) {
			*skip = (size_t)(at - p);
			return rc;
		}
	}
	*skip = (size_t)(at - p);
	if (d->state == STATE_BAD)
		return d->err;
	return d->state == STATE_DONE ? CHUNK_DONE : CHUNK_MORE;
}

/* ---- encoding ------------------------------------------------------------------------------ */

size_t chunk_head(char out[CHUNK_HEAD_MAX], uint64_t n)
{
	static const char digits[] = "0123456789abcdef";
	unsigned len = n ? (67u - (unsigned)__builtin_clzll(n)) / 4 : 1;
	for (unsigned i = len; i > 0; i--, n >>= 4)
		out[i - 1] = digits[n & 15];
	out[len] = '\r';
	out[len + 1] = '\n';
	return len + 2;
}

size_t chunk_tail_size(const struct fields *trailers)
{
	return 5 + (trailers ? http1_fields_size(trailers) : 0);
}

char *chunk_write_tail(char *at, const struct fields *trailers)
{
	memcpy(at, "0\r\n", 3);
	at += 3;
	if (trailers)
		at = http1_write_fields(at, trailers);
	memcpy(at, "\r\n", 2);
	return at + 2;
}
