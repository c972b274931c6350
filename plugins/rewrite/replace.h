/* Replacements of regular expressions: "/new/$1/{ip}". */
#ifndef REWRITE_REPLACE_H
#define REWRITE_REPLACE_H

#include "conf.h"

/* In check(): fill r->regex and r->pieces. i: the place of r in `regex`. -1: a mistake was
 * reported. */
int replace_compile(sluice_instance *inst, struct rule *r, size_t i);

/* Write the replacement. groups: of the match. A group that took no part is empty. */
sluice_template_result replace_write(sluice_exchange *x, const struct rule *r,
	const sluice_str *groups, sluice_str *out);

#endif
