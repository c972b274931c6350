/* Whether a rule applies to a request. Worker's thread, but for the checks. */
#ifndef ACCESS_RULE_H
#define ACCESS_RULE_H

#include "conf.h"

/* Main thread, in check(): prepare the i-th rule. -1: mistakes were reported. */
int rule_check(sluice_instance *inst, struct rule *r, size_t i);

/* Whether all parts of the rule hold. SLUICE_UNDECIDED: nobody can tell. */
sluice_truth rule_holds(sluice_exchange *x, const struct rule *r, struct moment now);

#endif
