/*
 * Texts with placeholders: "user {claim:sub} from {ip}". A placeholder is a key expression in
 * braces. A template is parsed once on the main thread, is then immutable, and is filled in for
 * each request. Values from a request cannot break out of their place: each kind of text escapes
 * them.
 *
 * In a field's value a literal brace is written twice. A body may be JSON, CSS or a program. So
 * there "{" begins a placeholder only when the name of a fact and "}" follow; any other brace is
 * literal, and {{ip}} is the text {ip}.
 */
#ifndef POLICY_TEMPLATE_H
#define POLICY_TEMPLATE_H

#include "policy/expr.h"

enum template_kind {
	TEMPLATE_FIELD, /* the value of a header field */
	/* the same for a URI reference (RFC 9110 10.2.2), whose host must not depend on the
	   request's path */
	TEMPLATE_LOCATION,
	TEMPLATE_TEXT, /* a body, values as they are */
	TEMPLATE_HTML, /* a body of HTML or XML */
	TEMPLATE_JSON, /* a body of JSON: placeholders stand within strings */
};

struct template_part {
	sluice_str text;         /* literal text */
	const sluice_expr *expr; /* NULL: text */
};

struct sluice_template {
	const struct template_part *v;
	size_t n;
	enum template_kind kind;
};

enum template_kind template_kind_of_field(sluice_str name);
enum template_kind template_kind_of_body(sluice_str content_type);

/* Parse text, which is copied; memory from a. NULL: it is malformed, and *wrong says why. */
const struct sluice_template *template_read(struct arena *a, enum template_kind kind,
	sluice_str text, const struct stated *names, struct expr_wrong *wrong);
/* Whether the template has no placeholders; *text is then its text. */
bool template_is_fixed(const struct sluice_template *t, sluice_str *text);
/* Fill it in; *out lives as long as x. In a body a missing value is empty. A field is MISSING as a
 * whole when a value is missing, or when the result is not a valid field value. */
enum sluice_template_result template_write(sluice_exchange *x, const struct sluice_template *t,
	sluice_str *out);

#endif
