/*
 * Values with placeholders: "user {claim:sub} from {ip}". Split once when the configuration is checked, immutable then, and
 * put together for each request. A brace that is meant is written twice.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <sluice/plugin.h>

struct template_part {
	sluice_str text;         /* as it stands */
	const sluice_expr *expr; /* NULL: text */
};

struct template {
	const struct template_part *v;
	size_t n;
};

/* Memory of the instance; main thread, in check(). 0, or -1 with a sentence in why. */
enum { TEMPLATE_WHY = 320 };
int template_read(sluice_instance *inst, sluice_str text, struct template *out, char why[TEMPLATE_WHY]);

/* The text that stands in it whatever the request, cut out for inspection: memory of the instance. */
sluice_str template_literal(sluice_instance *inst, const struct template *t);

enum template_result {
	TEMPLATE_OK,
	TEMPLATE_MISSING, /* a placeholder has no value in this request */
	TEMPLATE_FAIL     /* the exchange has no memory left */
};
/* out lives as long as x. */
enum template_result template_write(sluice_exchange *x, const struct template *t, sluice_str *out);

#endif
