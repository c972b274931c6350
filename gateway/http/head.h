/*
 * An HTTP message head, the same for all versions. Codecs read it and write it; routes, plugins and
 * the exchange work on it. All strings are slices of the exchange's arena. No I/O here.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum token_flags { TOKEN_HOP = 1, TOKEN_FRAMING = 2, TOKEN_SINGLE = 4, TOKEN_OURS = 8 };

enum token {
	TOKEN_OTHER = 0,
#define T(name, text, flags) TOKEN_##name,
#include "http/token.def"
#undef T
	TOKEN_COUNT,
};

/* The token of a field name, compared without case; TOKEN_OTHER for names not in the table. A few
 * nanoseconds. */
enum token token_find(const char *name, size_t len);
/*
 * The same, and what else there is to know of the name: the token, or'ed with
 *  TOKEN_IS_EDGE  one by which proxies tell what they know of the client (edge.def), and no token
 *  TOKEN_IS_TWIN  with '-' for every '_' it would be a token or one of those: many programs cannot
 *                 tell the two apart
 */
enum token_code { TOKEN_CODE = 0xff, TOKEN_IS_EDGE = 0x100, TOKEN_IS_TWIN = 0x200 };
unsigned token_read(const char *name, size_t len);
/* Whether two field names are one to programs that cannot tell '_' from '-': equal but for these
 * and for case. */
bool field_names_alike(sluice_str a, sluice_str b);

/* A set of tokens is a word with a bit for each; two more bits stand for the fields of no token
 * that are TOKEN_IS_... */
enum { TOKEN_SEEN_EDGE = 62, TOKEN_SEEN_TWIN = 63 };
#define TOKEN_BIT(t) (UINT64_C(1) << (t))

unsigned token_flags(enum token t);
sluice_str token_name(enum token t); /* lower case */

enum field_flags {
	FIELD_EDGE = TOKEN_IS_EDGE,
	FIELD_TWIN = TOKEN_IS_TWIN,
	/* the bytes from name to value + value_len + 2 are a whole valid "name: value\r\n" on one
	   line */
	FIELD_LINE = 1,
	FIELD_DROP = 2, /* is not forwarded */
};

struct field {
	const char *name, *value;
	uint32_t name_len, value_len;
	uint16_t token; /* enum token */
	uint16_t flags; /* enum field_flags */
};

static inline sluice_str field_name(const struct field *f)
{
	return str_n(f->name, f->name_len);
}
static inline sluice_str field_value(const struct field *f)
{
	return str_n(f->value, f->value_len);
}

struct fields {
	struct field *v; /* in the arena, in the order of arrival */
	uint32_t n, cap;
};

/* First field of that name that is not dropped, or NULL. By token for known names, by name (without
 * case) for others. */
struct field *fields_find(const struct fields *f, enum token t);
struct field *fields_find_name(const struct fields *f, sluice_str name);
/* Append; the strings are borrowed and must live as long as the arena. ERR_NO_MEMORY when its
 * budget is spent. */
must_use int fields_add(struct fields *f, struct arena *a, sluice_str name, sluice_str value);
/* *to becomes a list of its own with the same fields. ERR_NO_MEMORY; *to is then as it was. */
must_use int fields_copy(struct fields *to, const struct fields *from, struct arena *a);
/* Make sure that there is room for one more at v[n]. ERR_NO_MEMORY. */
must_use int fields_grow(struct fields *f, struct arena *a);
must_use static inline int fields_reserve(struct fields *f, struct arena *a)
{
	return likely(f->n < f->cap) ? 0 : fields_grow(f, a);
}
/* Drop every field of that name: how many there were. */
unsigned fields_drop(struct fields *f, sluice_str name);
/* The same, and names that many programs cannot tell from it: field_names_alike(). */
void fields_drop_alike(struct fields *f, sluice_str name);
/* Drop all, then add. */
must_use int fields_set(struct fields *f, struct arena *a, sluice_str name, sluice_str value);

enum method {
	METHOD_OTHER = 0, /* any other token: forwarded as it is */
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_PATCH,
	METHOD_OPTIONS,
	METHOD_CONNECT,
	METHOD_TRACE,
	METHOD_COUNT,
};
enum method method_find(sluice_str s); /* case-sensitive, RFC 9110 9.1 */
sluice_str method_name(enum method m);
bool method_is_idempotent(enum method m); /* RFC 9110 9.2.2 */

enum body_kind {
	BODY_NONE = 0, /* no body follows */
	BODY_LENGTH,   /* exactly body_length bytes */
	BODY_CHUNKED,  /* until it says so: chunked in HTTP/1.1, END_STREAM in HTTP/2 */
	BODY_CLOSE,    /* responses in HTTP/1 only: until the connection closes */
};

/* RFC 9112 3.2 */
enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_AUTHORITY, TARGET_ASTERISK };

/* How paths are read besides what always holds (http/uri.h): bits. */
enum path_rule {
	/* the upstream gets empty segments ("//"); routes and plugins see the path without them */
	PATH_SLASHES_KEPT = 1 << 0,
	PATH_ESCAPED_REFUSED = 1 << 1, /* %2F and %5C */
	PATH_ESCAPED_DECODED = 1 << 2, /* %2F is '/'; %5C is refused, as '\\' is */
	PATH_PARAMETERS_CUT = 1 << 3,  /* ";a=1" behind a segment (RFC 3986 3.3) */
	PATH_PARAMETERS_REFUSED = 1 << 4,
	PATH_PARAMETERS = PATH_PARAMETERS_CUT | PATH_PARAMETERS_REFUSED,
};

struct request_head {
	sluice_str method_text;
	sluice_str target; /* as received */
	sluice_str path;   /* normalised: http/uri.h */
	/* PATH_SLASHES_KEPT: the path for the upstream when it differs from path; else empty */
	sluice_str sent_path;
	sluice_str query; /* after '?', as received, without it */
	/* as received: Host, or of the absolute target (which wins, RFC 9112 3.2.2); may be empty
	 * in 1.0 */
	sluice_str authority;
	sluice_str host; /* authority without port, lower case, no trailing dot */
	struct fields fields;
	uint64_t body_length; /* BODY_LENGTH */
	uint64_t seen;        /* set of the tokens of the received fields */
	uint8_t method;       /* enum method */
	uint8_t form;         /* enum target_form */
	uint8_t path_rules;   /* enum path_rule: set before the target is parsed */
	uint8_t version;      /* 10, 11, 20 */
	uint8_t body;         /* enum body_kind, never BODY_CLOSE */
	bool has_query;       /* "/p?" has an empty one */
	bool keep_alive;      /* the client permits another request on the connection */
	bool expect_continue; /* waits for 100 before it sends the body (RFC 9110 10.1.1) */
	bool te_trailers;     /* the client accepts trailers */
	bool upgrade;         /* asks for another protocol */
	/* an extended CONNECT (RFC 8441): only an upgrade or a refusal can answer it */
	bool upgrade_only;
	/* a gRPC call: trailers may have any name, and silence is permitted while the connection
	 * lives */
	bool call;
};

struct response_head {
	uint16_t status; /* 100..999 */
	uint8_t version; /* 10, 11, 20 */
	uint8_t body;    /* enum body_kind */
	bool keep_alive; /* HTTP/1: the connection may carry another response */
	bool has_length; /* BODY_NONE: body_length is known all the same (HEAD, 304) */
	sluice_str reason;
	struct fields fields;
	/* BODY_LENGTH; for HEAD and 304 what the field said, with body BODY_NONE */
	uint64_t body_length;
};

/* Whether a response of this status to this method can have a body at all (RFC 9110 6.4.1). */
bool response_may_have_body(enum method m, int status);

/* Mark with FIELD_DROP what must not be forwarded: hop-by-hop fields and those that Connection
 * names (RFC 9110 7.6.1). True when it named any. `te: trailers` survives as
 * request_head.te_trailers. */
bool fields_drop_hop_by_hop(struct fields *f);
extern const uint64_t tokens_hop_by_hop;
/* Whether the field is hop-by-hop by its name, without regard to Connection. */
bool field_is_hop_by_hop(const struct field *f);

/* The tokens that a request has once at most (repeat.def). */
extern const uint64_t tokens_once;
/* Some of these tokens, `twice`, occur more than once in a request: apply repeat.def. ERR_BAD_FIELD
 * when the request is ambiguous. Fields move. */
must_use int fields_settle_repeats(struct fields *f, uint64_t twice);

/* The Content-Length of a response that says it more than once, in one field or in several, where
 * all are the same (RFC 9110 8.6): the first field, which then has the one value; the others are
 * marked FIELD_DROP. NULL: they differ, one is empty, or there is none. */
struct field *fields_join_lengths(struct fields *f);

/* Whether this must have been known before the content, and so is not forwarded as a trailer: what
 * frames, routes, authorises or describes the content (RFC 9110 6.5.1). */
bool field_is_no_trailer(const struct field *f);

#endif
