/* Comparing URLs. */
#include "dpop_uri.h"

#include "../shared/origin.h"

static bool is_unreserved(char c)
{
	return sluice_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static char upper(char c)
{
	return (char)(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
}

/* Take one character, or one escape, off the text, and write it in its normal form. Returns the end
 * of what was written; NULL: a percent sign without two digits. */
static char *put_normal(char *at, sluice_str *text)
{
	char c = text->data[0];
	if (c != '%') {
		*text = sluice_str_skip(*text, 1);
		*at++ = c;
		return at;
	}
	int high = text->len > 2 ? sluice_hex_value(text->data[1]) : -1;
	int low = text->len > 2 ? sluice_hex_value(text->data[2]) : -1;
	if (high < 0 || low < 0)
		return NULL;
	char decoded = (char)(high * 16 + low);
	if (is_unreserved(decoded)) {
		*at++ = decoded;
	} else {
		*at++ = '%';
		*at++ = upper(text->data[1]);
		*at++ = upper(text->data[2]);
	}
	*text = sluice_str_skip(*text, 3);
	return at;
}

/* A segment was written from start to at, behind a slash: take it back if it is one of dots, and
 * the one before it too where it has two (RFC 3986 5.2.4). Returns the end, which is then behind a
 * slash. */
static char *close_segment(const char *path, char *start, char *at)
{
	sluice_str segment = sluice_str_n(start, (size_t)(at - start));
	if (sluice_str_is(segment, "."))
		return start;
	if (!sluice_str_is(segment, ".."))
		return at;
	char *end = start - 1; /* the slash before it */
	if (end > path) {
		end--;
		while (*end != '/')
			end--;
	}
	return end + 1;
}

/* The normal form of a path that begins with '/', in out, which has room for as many bytes. False:
 * it has none. */
static bool normalise(sluice_str path, char *out, size_t *n)
{
	char *start = out + 1, *at = start; /* of the segment that is being written */
	out[0] = '/';
	path = sluice_str_skip(path, 1);
	while (path.len) {
		if (path.data[0] != '/') {
			at = put_normal(at, &path);
			if (!at)
				return false;
			continue;
		}
		path = sluice_str_skip(path, 1);
		at = close_segment(out, start, at);
		if (at[-1] != '/') /* else nothing is left of the segment, or it was empty */
			*at++ = '/';
		start = at;
	}
	at = close_segment(out, start, at);
	*n = (size_t)(at - out);
	return true;
}

/* What follows the authority, without query and fragment; RFC 9110 4.2.3: nothing is "/". */
static sluice_str path_of(sluice_str rest)
{
	size_t end = 0;
	while (end < rest.len && rest.data[end] != '?' && rest.data[end] != '#')
		end++;
	return end ? sluice_str_n(rest.data, end) : SLUICE_STR("/");
}

/* Whether both paths have the same normal form. */
static bool paths_meet(sluice_str a, sluice_str b)
{
	char normal[2][DPOP_URI_MAX + 1];
	size_t n[2];
	return a.len <= DPOP_URI_MAX && b.len <= DPOP_URI_MAX && a.data[0] == '/' &&
		b.data[0] == '/' && normalise(a, normal[0], &n[0]) &&
		normalise(b, normal[1], &n[1]) && n[0] == n[1] &&
		memcmp(normal[0], normal[1], n[0]) == 0;
}

bool dpop_uri_is(sluice_str url, const struct dpop_target *target)
{
	sluice_str scheme, authority, rest;
	return url.len <= DPOP_URI_MAX && origin_split(url, &scheme, &authority, &rest) &&
		sluice_str_ieq(scheme, target->scheme) &&
		sluice_str_ieq(origin_without_default_port(scheme, authority),
			origin_without_default_port(target->scheme, target->authority)) &&
		target->path.len && /* else it is `*`, which no URL names */
		paths_meet(path_of(rest), path_of(target->path));
}
