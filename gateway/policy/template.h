/*
 * Texts with placeholders: "user {claim:sub} from {ip}". A placeholder is a key expression in
 * braces. Split once on the main thread, immutable then, put together for each request. What a
 * request says never changes what a text is: each kind of text escapes the values that go into it.
 *
 * In a field's value a brace that is meant is written twice. A body may be JSON, CSS or a program:
 * there "{" begins a placeholder only where the name of a fact and "}" follow, and any other brace
 * stands for itself; {{ip}} is the text {ip}.
 */
#ifndef POLICY_TEMPLATE_H
#define POLICY_TEMPLATE_H

#include "policy/expr.h"

enum template_kind {
	TEMPLATE_FIELD, /* the value of a header field */
	/* the same, and a URI reference (RFC 9110 10.2.2) whose host a request does not choose by
	   its path */
	TEMPLATE_LOCATION,
	TEMPLATE_TEXT, /* a body, values as they are */
	TEMPLATE_HTML, /* a body of HTML or XML */
	TEMPLATE_JSON, /* a body of JSON: placeholders stand within strings */
};

struct template_part {
	sluice_str text;         /* as it stands */
	const sluice_expr *expr; /* NULL: text */
};

struct sluice_template {
	const struct template_part *v;
	size_t n;
	enum template_kind kind;
};

enum template_kind template_kind_of_field(sluice_str name);
enum template_kind template_kind_of_body(sluice_str content_type);

/* NULL and *wrong filled when text is none, both in a's memory. text is copied. */
const struct sluice_template *template_read(struct arena *a, enum template_kind kind,
	sluice_str text, const struct stated *names, struct expr_wrong *wrong);
/* Whether it is the same for every request, and what it is then. */
bool template_is_fixed(const struct sluice_template *t, sluice_str *text);
/* Put it together; *out lives as long as x. A body has nothing where a value is missing; a field is
 * MISSING as a whole then, as it is when it would not be one. */
enum sluice_template_result template_write(sluice_exchange *x, const struct sluice_template *t,
	sluice_str *out);

#endif
