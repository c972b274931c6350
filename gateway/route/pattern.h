/*
 * Patterns for hosts and paths as they are written in a route's `match`: parsing, matching, and
 * which of two is the more specific. Patterns are immutable: any thread.
 */
//  host  api.example.com     that name
//        *.example.com       any name below it, one label or more; not example.com itself
//        *, or left out      any
//  path  /a/b                that path
//        /a/*                /a, /a/ and everything below
//        /a/{id}/b           {id} stands for one segment that is not empty; may end in /* too
//        regex:EXPRESSION    the whole path, by PCRE2; named groups capture
//        left out            any; the same as /*
#ifndef ROUTE_PATTERN_H
#define ROUTE_PATTERN_H

#include "base/arena.h"
#include "route/regex.h"

enum {
	PATTERN_BYTES = 2048,    /* of one path pattern; an expression: REGEX_BYTES */
	PATTERN_SEGMENTS = 64,   /* of one path pattern */
	PATTERN_CAPTURES = 16,   /* of one path pattern */
	PATTERN_NAME_BYTES = 64, /* longest name of a capture */
};

struct pattern_error {
	size_t offset; /* in the text of the pattern */
	char text[256];
};

enum host_kind { HOST_EXACT, HOST_WILDCARD, HOST_ANY }; /* the more specific first */

struct host_pattern {
	sluice_str name; /* lower case, no trailing dot; of a wildcard the part behind "*." */
	uint8_t kind;    /* enum host_kind */
};

/* The more specific first; a path_is_any() pattern comes last. */
enum path_kind { PATH_EXACT, PATH_SEGMENTS, PATH_REGEX };

struct path_segment {
	sluice_str text; /* the bytes of a literal; empty for a capture */
	bool capture;
};

struct path_name {
	sluice_str name;
	uint16_t at; /* segment, or group of the expression */
};

struct path_pattern {
	sluice_str text;                     /* EXACT: the path; REGEX: the expression */
	const struct path_segment *segments; /* SEGMENTS: n_segments of them */
	struct regex *regex;                 /* REGEX; owned: path_free() */
	const struct path_name *names;       /* n_names of them, in the order of their places */
	uint16_t n_segments, n_literals, n_names;
	uint8_t kind; /* enum path_kind */
	bool tail;    /* SEGMENTS: the last one is "*" */
};

/* Whether the pattern matches every path: none was given, or a slash and a star. */
static inline bool path_is_any(const struct path_pattern *p)
{
	return p->kind == PATH_SEGMENTS && p->tail && p->n_segments == 0;
}

struct path_capture {
	sluice_str name, value; /* the value is not decoded */
};

struct path_captures {
	unsigned n;
	struct path_capture v[PATTERN_CAPTURES];
	sluice_str rest; /* what the final "*" matched, with its slash: empty, "/", "/x/y" */
};

/* 0, or -1 with e filled. Texts are borrowed during the call; results are copied into the arena. */
must_use int host_pattern_parse(struct arena *a, sluice_str text, struct host_pattern *out,
	struct pattern_error *e);
must_use int path_pattern_parse(struct arena *a, sluice_str text, struct path_pattern *out,
	struct pattern_error *e);
void path_free(struct path_pattern *p); /* frees the expression; the arena owns the rest */

bool host_match(const struct host_pattern *p, sluice_str host);
/* The path is normalised (http/uri.h). captures may be NULL. */
enum match path_match(const struct path_pattern *p, sluice_str path,
	struct path_captures *captures);

/* Negative when a is the more specific, positive when b is, 0 when they are equal or no host
 * matches both. */
int host_compare(const struct host_pattern *a, const struct host_pattern *b);
/* The same for paths. 0: they match the same paths and have the same shape, or both are
 * expressions, whose order is that of the file. The order of two patterns whose literals differ
 * only makes sorting possible; no path matches both. */
int path_compare(const struct path_pattern *a, const struct path_pattern *b);

/* Walk the segments of a path: *at starts behind the first slash. false when there are no more. */
static inline bool segment_next(sluice_str path, size_t *at, sluice_str *segment)
{
	if (*at > path.len)
		return false;
	const char *from = path.data + *at;
	size_t left = path.len - *at;
	const char *slash = left ? memchr(from, '/', left) : NULL;
	*segment = str_n(from, slash ? (size_t)(slash - from) : left);
	*at += segment->len + 1;
	return true;
}

#endif
