/* Paths of requests. See the header. */
#include "path.h"

/* ---- normal form --------------------------------------------------------------------------- */

static bool is_unreserved(char c)
{
	return sluice_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_upper_hex(char c)
{
	return sluice_is_digit(c) || (c >= 'A' && c <= 'F');
}

/* Whether an escape that has to be one begins at s: whole, in upper case, and not of NUL. */
static bool escape_is_normal(sluice_str s)
{
	if (s.len < 3 || !is_upper_hex(s.data[1]) || !is_upper_hex(s.data[2]))
		return false;
	int value = sluice_hex_value(s.data[1]) * 16 + sluice_hex_value(s.data[2]);
	return value != 0 && (value > 0x7f || !is_unreserved((char)value));
}

static bool bytes_are_normal(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (c <= ' ' || c >= 0x7f || c == '?' || c == '#' ||
			c == '\\') /* char may be signed */
			return false;
		if (c == '%' && !escape_is_normal(sluice_str_skip(s, i)))
			return false;
	}
	return true;
}

/* Whether s begins with an escaped '/' or '\', which some servers take for a separator. */
static bool is_escaped_separator(sluice_str s)
{
	return sluice_str_starts(s, SLUICE_STR("%2F")) || sluice_str_starts(s, SLUICE_STR("%5C"));
}

/* Whether a segment, or the part of one between separators, begins with "." or ".." and then ends
 * or has parameters behind it. */
static bool begins_as_dots(sluice_str s)
{
	size_t dots = 0;
	while (dots < s.len && s.data[dots] == '.')
		dots++;
	if (dots != 1 && dots != 2)
		return false;
	sluice_str rest = sluice_str_skip(s, dots);
	return !rest.len || rest.data[0] == ';' || is_escaped_separator(rest);
}

static bool segment_has_dots(sluice_str s)
{
	if (begins_as_dots(s))
		return true;
	for (size_t i = 0; i < s.len; i++) {
		if (is_escaped_separator(sluice_str_skip(s, i)) &&
			begins_as_dots(sluice_str_skip(s, i + 3)))
			return true;
	}
	return false;
}

bool path_is_normal(sluice_str path)
{
	if (!path.len || path.data[0] != '/' || !bytes_are_normal(path))
		return false;
	sluice_str rest = sluice_str_skip(path, 1);
	do {
		sluice_str segment = sluice_str_cut(&rest, '/');
		bool is_last = !rest.data;
		if ((!segment.len && !is_last) || segment_has_dots(segment))
			return false;
	} while (rest.data);
	return true;
}

/* ---- prefixes ------------------------------------------------------------------------------ */

bool path_is_under(sluice_str path, sluice_str prefix)
{
	return sluice_str_starts(path, prefix) &&
		(path.len == prefix.len || path.data[prefix.len] == '/');
}

sluice_str path_trim_end(sluice_str path)
{
	while (path.len && path.data[path.len - 1] == '/')
		path.len--;
	return path;
}
