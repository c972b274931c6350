/* Texts of policies in the configuration: put into one line, and checked for what browsers would
 * silently ignore. Main thread. */
#ifndef SECURITY_HEADERS_POLICY_TEXT_H
#define SECURITY_HEADERS_POLICY_TEXT_H

#include <sluice/plugin.h>

enum { POLICY_TEXT_MAX = 8192 }; /* bytes of a value */

/* The parts with `joint` between them; blanks and line breaks become one blank. Lives as long as
 * the instance. */
sluice_str policy_text_join(sluice_instance *inst, sluice_strs parts, const char *joint);

/* The value of a directive of a Content-Security-Policy; data is NULL when it has none. */
sluice_str policy_text_directive(sluice_str csp, const char *name);
/* -1: a mistake, which was reported at the option. */
int policy_text_check_csp(sluice_instance *inst, const char *option, sluice_str csp);
int policy_text_check_permissions(sluice_instance *inst, const char *option, sluice_str s);
/* Each part between commas is one of the n words. */
int policy_text_check_words(sluice_instance *inst, const char *option, sluice_str s,
	const char *const *words, size_t n);
/* The sources of frame-ancestors: 'self' and 'none' also without quotes. data is NULL after a
 * mistake. */
sluice_str policy_text_ancestors(sluice_instance *inst, const char *option, sluice_strs sources);

#endif
