/*
 * HTTP/1 heads from bytes (RFC 9112). Strict: what could be read in two ways is refused, never
 * repaired. docs/reference/http.md lists every rule. No I/O. Any thread.
 */
#ifndef HTTP1_PARSE_H
#define HTTP1_PARSE_H

#include "http/head.h"
#include "net/buf.h"

struct http1_limits {
	uint32_t max_fields; /* of one head */
	uint32_t max_target; /* bytes */
	bool lenient;        /* responses: accept a status up to 999 */
	uint8_t path_rules;  /* enum path_rule */
};

#define HTTP1_LIMITS_DEFAULT ((struct http1_limits){ .max_fields = 100, .max_target = 8192 })

enum {
	HTTP1_EMPTY_LINES = 4, /* tolerated before one request line */
	/* most names that the Connection fields of a head may list; no known program needs ten */
	HTTP1_CONNECTION_OPTIONS = 64,
	/* bytes of one name; longer field names are not hashed as a whole */
	HTTP1_OPTION_MAX = 256,
};

/*
 * The empty lines (CRLF) before a request line, which RFC 9112 2.2 asks to ignore: how many bytes
 * of buf they take, to be thrown away before the head is looked for. A CR that is the last byte of
 * buf is left for the next call. *lines counts from one request to the next: set it to 0 when
 * waiting for a head begins. ERR_BAD_REQUEST_LINE when there are too many.
 */
must_use int http1_skip_empty_lines(const char *buf, size_t len, unsigned *lines, size_t *skip);

/*
 * Look for the empty line that ends a head. True: *head_len bytes of buf are the head, that line
 * included. When false, ask again with more bytes and `from` the present len: no byte is searched
 * twice. A head with bare LFs ends here too, so that the parser refuses it at once, and the gateway
 * does not wait for a CR.
 */
bool http1_find_head_end(const char *buf, size_t len, size_t from, size_t *head_len);

/*
 * The same for a head at the beginning of in, of at most max bytes. *run: the bytes that were
 * searched, contiguous and borrowed from in; its length is `from` of the next call. Blocks are
 * joined only when the head is not whole in the first one, because what lies behind it is most
 * often body.
 */
static inline bool http1_find_head(struct buf *in, size_t max, size_t from, sluice_str *run,
	size_t *head_len)
{
	*run = buf_peek(in);
	if (http1_find_head_end(run->data, run->len, from, head_len))
		return true;
	if (run->len == in->len)
		return false;
	*run = buf_pullup(in, in->len < max ? in->len : max);
	return http1_find_head_end(run->data, run->len, from, head_len);
}

/*
 * Parse one whole request head, as http1_find_head_end() measured it. The strings of h are slices
 * of head (or of the arena where normalisation had to change them), which must live as long as they
 * do: pass a copy that lies in the arena. h is overwritten. Fields stay in the order of arrival,
 * Host and the framing fields among them; none is marked dropped, and of equal ones that may stand
 * there once the first is left (repeat.def). `Content-Length: 0` is BODY_LENGTH with body_length 0;
 * neither Content-Length nor Transfer-Encoding is BODY_NONE. On failure h holds what was read so
 * far, for the log: method_text, and of the target what there was of it, as it was.
 * ERR_BAD_REQUEST_LINE, ERR_BAD_VERSION, ERR_TARGET_TOO_LONG, ERR_BAD_TARGET, ERR_BAD_FIELD,
 * ERR_TOO_MANY_FIELDS, ERR_BAD_FRAMING, ERR_BAD_HOST, ERR_BAD_EXPECTATION, ERR_NO_MEMORY.
 */
must_use int http1_parse_request(struct request_head *h, const char *head, size_t len,
	struct arena *a, const struct http1_limits *lim);

/*
 * The same for a response to a request of method m. h->body says by what the body ends (RFC
 * 9112 6.3); BODY_CLOSE implies that keep_alive is false. Responses that cannot have a body are
 * BODY_NONE, with has_length when Content-Length was given. A 101, or a 2xx to CONNECT, is nothing
 * special here: see h->status. Content-Length may be repeated when all say the same (RFC 9110 8.6);
 * the copies are marked FIELD_DROP. ERR_UPSTREAM_BAD_HEAD, ERR_UPSTREAM_BAD_FRAMING,
 * ERR_UPSTREAM_HEAD_TOO_LARGE, ERR_NO_MEMORY.
 */
must_use int http1_parse_response(struct response_head *h, const char *head, size_t len,
	struct arena *a, enum method m, const struct http1_limits *lim);

/* Whether [p, end), which ends with CRLF, is a status line. */
bool http1_status_line_is_valid(const char *p, const char *end, const struct http1_limits *lim);

/*
 * Field lines alone: [p, end) is any number of lines, each ended by CRLF, without the empty line.
 * Appended to f. For trailers. ERR_BAD_FIELD, ERR_TOO_MANY_FIELDS (more than max_fields in f),
 * ERR_NO_MEMORY.
 */
must_use int http1_parse_fields(struct fields *f, const char *p, const char *end, struct arena *a,
	uint32_t max_fields);

#endif
