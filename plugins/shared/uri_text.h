/*
 * Texts of the configuration that become a part of a URI, with facts in them: "/v2/{path:id}". What
 * a request has is escaped where its part of the URI needs that: the segment that a route captured
 * stays one segment, with its escapes as they came, and a decoded fact (a parameter, a claim) is
 * one segment too.
 */
#ifndef PLUGINS_SHARED_URI_TEXT_H
#define PLUGINS_SHARED_URI_TEXT_H

#include <sluice/plugin.h>

/* In check(): compile a text. NULL: the mistake was reported at the option, which is named as for
 * sluice_conf_error(). Lives as long as the instance. */
const sluice_template *uri_text_compile(sluice_instance *inst, const char *option, sluice_str text);

/* The same for a text that is a whole path. Also refused: one that does not begin with '/', one
 * with a query, and one that cannot become a normal path (path.h). */
const sluice_template *uri_text_compile_path(sluice_instance *inst, const char *option,
	sluice_str text);

/* Whether the text has no fact in it; *out is then what it says. */
bool uri_text_is_fixed(const sluice_template *t, sluice_str *out);

/* Write the text for this request, as sluice_template_write(); *out has no data unless the result
 * is SLUICE_TEMPLATE_OK. A path that comes of it need not be normal. */
sluice_template_result uri_text_write(sluice_exchange *x, const sluice_template *t,
	sluice_str *out);

/* In check(): the text as it might look in a request: each placeholder is the letter x. The text
 * has been compiled before. */
sluice_str uri_text_sample(sluice_instance *inst, sluice_str text);

/* In check(): report that a path which no request can have is written at the option. */
void uri_text_refuse_path(sluice_instance *inst, const char *option, sluice_str text);

#endif
