/* What the rules have in common while they run. Only for the files rules*.c. */
#ifndef JWT_RULES_RUN_H
#define JWT_RULES_RUN_H

#include "rules.h"

struct rules_run {
	const struct rules_case *c;
	struct validity when; /* narrowed by the rules about time */
	sluice_str which;     /* the claim to blame; data NULL: none is to be named */
};

enum reason rule_dates(struct rules_run *r); /* they are dates */
enum reason rule_exp(struct rules_run *r);
enum reason rule_nbf(struct rules_run *r);
enum reason rule_iat(struct rules_run *r);
enum reason rule_age(struct rules_run *r);
enum reason rule_auth_age(struct rules_run *r);

static inline enum reason rule_blame(struct rules_run *r, sluice_str claim, enum reason why)
{
	r->which = claim;
	return why;
}

#endif
