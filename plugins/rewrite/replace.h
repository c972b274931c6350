/* Replacements of regular expressions: "/new/$1/{ip}". */
#ifndef REWRITE_REPLACE_H
#define REWRITE_REPLACE_H

#include "conf.h"

/* In check(): fill the members of r that check() sets. i: the place of r in `regex`. -1: a mistake
 * was reported. */
int replace_compile(sluice_instance *inst, struct rule *r, size_t i);

/* Write the path of the replacement. groups: of the match. A group that took no part is empty. */
sluice_template_result replace_path(sluice_exchange *x, const struct rule *r,
	const sluice_str *groups, sluice_str *out);

/* Write the values of its parameters, plain, r->n_params of them. */
sluice_template_result replace_values(sluice_exchange *x, const struct rule *r,
	const sluice_str *groups, sluice_str *out);

#endif
