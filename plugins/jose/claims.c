/* Claims by path and as text. */
#include "claims.h"

#include <stdio.h>
#include <stdlib.h>

#include "strict.h"

/* path is NUL-terminated; it is changed during the call only. */
static json_t *find_in(const json_t *object, char *path)
{
	json_t *v = json_member(object, path);
	for (char *dot = strchr(path, '.'); !v && dot; dot = strchr(dot + 1, '.')) {
		*dot = '\0';
		const json_t *inner = json_member(object, path);
		*dot = '.';
		if (json_is_object(inner))
			v = find_in(inner, dot + 1);
	}
	return v;
}

json_t *claim_find(const json_t *claims, sluice_str path)
{
	char buf[CLAIM_MAX_PATH + 1];
	if (path.len == 0 || path.len > CLAIM_MAX_PATH || memchr(path.data, '\0', path.len))
		return NULL;
	memcpy(buf, path.data, path.len);
	buf[path.len] = '\0';
	return find_in(claims, buf);
}

/* The shortest digits that are read back as the same number: 1.1, and not 1.1000000000000001. */
static size_t real_text(double d, char buf[static CLAIM_SCALAR_MAX])
{
	int n = 0;
	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(buf, CLAIM_SCALAR_MAX, "%.*g", digits, d);
		if (strtod(buf, NULL) == d)
			break;
	}
	return (size_t)n;
}

sluice_str claim_scalar(const json_t *v, char buf[static CLAIM_SCALAR_MAX])
{
	int n;
	switch (json_typeof(v)) {
	case JSON_STRING:
		return (sluice_str){ json_string_value(v), json_string_length(v) };
	case JSON_TRUE:
		return SLUICE_STR("true");
	case JSON_FALSE:
		return SLUICE_STR("false");
	case JSON_INTEGER:
		n = snprintf(buf, CLAIM_SCALAR_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		return (sluice_str){ buf, (size_t)n };
	case JSON_REAL:
		return (sluice_str){ buf, real_text(json_real_value(v), buf) };
	default:
		return (sluice_str){ NULL, 0 };
	}
}

bool claim_says(const json_t *value, sluice_str text)
{
	char buf[CLAIM_SCALAR_MAX];
	if (!json_is_array(value)) {
		sluice_str s = claim_scalar(value, buf);
		return s.data && sluice_str_eq(s, text);
	}
	size_t i;
	const json_t *item;
	json_array_foreach (value, i, item) {
		sluice_str s = claim_scalar(item, buf);
		if (s.data && sluice_str_eq(s, text))
			return true;
	}
	return false;
}

/* Whether a member of an array has a place in its text, whose words have blanks between them: one
 * with a blank or a comma in it would read as several members. */
static bool is_word(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == ' ' || s.data[i] == '\t' || s.data[i] == ',')
			return false;
	}
	return s.len > 0;
}

ptrdiff_t claim_text_len(const json_t *value)
{
	char buf[CLAIM_SCALAR_MAX];
	if (!json_is_array(value)) {
		sluice_str s = claim_scalar(value, buf);
		return s.data ? (ptrdiff_t)s.len : -1;
	}
	size_t i, n = 0;
	const json_t *item;
	ptrdiff_t total = 0;
	json_array_foreach (value, i, item) {
		sluice_str s = claim_scalar(item, buf);
		if (json_is_null(item))
			continue;
		if (!s.data)
			return -1;
		if (is_word(s))
			total += (ptrdiff_t)s.len + (n++ > 0);
	}
	return total;
}

void claim_text_write(const json_t *value, char *out)
{
	char buf[CLAIM_SCALAR_MAX];
	if (!json_is_array(value)) {
		sluice_str s = claim_scalar(value, buf);
		(void)sluice_str_put(out, s);
		return;
	}
	size_t i, n = 0;
	const json_t *item;
	char *at = out;
	json_array_foreach (value, i, item) {
		sluice_str s = claim_scalar(item, buf);
		if (json_is_null(item) || !is_word(s))
			continue;
		if (n++ > 0)
			*at++ = ' ';
		at = sluice_str_put(at, s);
	}
}

bool scope_list_has(sluice_str list, sluice_str word)
{
	while (list.len) {
		if (sluice_str_eq(sluice_str_cut(&list, ' '), word))
			return true;
	}
	return false;
}
