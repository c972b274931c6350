/* References to the environment. Main thread. */
#include "config/env.h"

#include <stdlib.h>

#include "base/utf8.h"

enum { NAME_MAX_LEN = 128 };

static const char *env_getenv(void *ctx, const char *name)
{
	(void)ctx;
	return getenv(name);
}

const struct env env_process = { .get = env_getenv };

static bool name_is_valid(sluice_str s)
{
	if (s.len == 0 || s.len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = ascii_lower(s.data[i]);
		if (!((c >= 'a' && c <= 'z') || c == '_' || (i && c >= '0' && c <= '9')))
			return false;
	}
	return true;
}

/* Whether a value is UTF-8, as all texts of the file must be. */
static bool value_is_text(const char *s)
{
	size_t n = strlen(s);
	while (n) {
		size_t len = utf8_len(s, n);
		if (!len)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

/* Append the value of one reference. inner: the text between ${ and }. */
static int env_reference(const struct env *env, struct diag *d, const struct mark *at,
	sluice_str inner, sluice_str *out)
{
	sluice_str rest = inner, name = inner;
	const char *colon = memchr(inner.data, ':', inner.len);
	bool has_default = colon != NULL;
	if (colon) {
		name = str_n(inner.data, (size_t)(colon - inner.data));
		rest = str_n(colon, inner.len - name.len);
	}
	if (!name_is_valid(name) || (colon && !str_starts(rest, STR(":-")))) {
		struct quoted q;
		(void)diag_error(d, at, "%s is not the name of a variable", quote_str(&q, inner));
		diag_hint(d,
			"write ${NAME} or ${NAME:-default}, or $${ for these characters "
			"themselves");
		return -1;
	}
	char z[NAME_MAX_LEN + 1];
	memcpy(z, name.data, name.len);
	z[name.len] = 0;
	const char *value = env->get(env->ctx, z);
	if (has_default && (!value || !*value)) {
		*out = str_n(rest.data + 2, rest.len - 2);
		return 0;
	}
	if (!value) {
		(void)diag_error(d, at, "the environment has no variable %s", z);
		diag_hint(d, "set it, or give a default: ${%s:-default}", z);
		return -1;
	}
	if (!value_is_text(value))
		return diag_error(d, at, "the environment's %s is not UTF-8", z);
	*out = str_of(value);
	return 0;
}

/* Cut text at the next reference: *plain is the part before it, *inner the part between ${ and },
 * or empty for $${. 1, 0 when no reference is left, -1 when a mistake was reported. */
static int env_next(struct diag *d, const struct mark *at, sluice_str *text, sluice_str *plain,
	sluice_str *inner)
{
	for (size_t i = 0; i + 1 < text->len; i++) {
		if (text->data[i] != '$' || text->data[i + 1] != '{')
			continue;
		*plain = str_n(text->data, i);
		if (i && text->data[i - 1] == '$') { /* $${: remove one $ and keep the rest */
			*inner = STR_NONE;
			*text = str_n(text->data + i, text->len - i);
			text->data += 2;
			text->len -= 2;
			return 1;
		}
		const char *from = text->data + i + 2;
		const char *to = memchr(from, '}', text->len - i - 2);
		sluice_str body = str_n(from, to ? (size_t)(to - from) : 0);
		if (!to) {
			(void)diag_error(d, at, "${ is not closed");
			diag_hint(d, "write ${NAME}, or $${ for these characters themselves");
			return -1;
		}
		if (body.len > 1 && memmem(body.data, body.len, "${", 2)) {
			(void)diag_error(d, at,
				"a reference to the environment cannot contain another");
			return -1;
		}
		*inner = body;
		*text = str_n(to + 1, text->len - (size_t)(to + 1 - text->data));
		return 1;
	}
	return 0;
}

int env_expand(const struct env *env, struct arena *a, struct diag *d, const struct mark *at,
	sluice_str text, sluice_str *out)
{
	*out = text;
	if (text.len < 2 || !memmem(text.data, text.len, "${", 2))
		return 0;
	char *buf = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&buf, &n);
	check(f, "out of memory for %zu bytes", text.len);

	sluice_str rest = text, plain, inner;
	size_t size = 0;
	int rc;
	while ((rc = env_next(d, at, &rest, &plain, &inner)) > 0) {
		sluice_str value = STR("{");
		if (inner.data && (rc = env_reference(env, d, at, inner, &value)) < 0)
			break;
		size += plain.len + value.len;
		if (size > ENV_TEXT_MAX) {
			rc = diag_error(d, at, "the text is longer than %d bytes", ENV_TEXT_MAX);
			break;
		}
		(void)fwrite(plain.data, 1, plain.len, f);
		(void)fwrite(value.data, 1, value.len, f);
	}
	if (rc == 0)
		(void)fwrite(rest.data, 1, rest.len, f);
	check(fclose(f) == 0, "out of memory for %zu bytes", size);
	if (rc == 0)
		*out = arena_str(a, str_n(buf, n));
	free(buf);
	return rc;
}
