/*
 * The facts that an instance reads and that are not known of every request, so that a configuration
 * can be looked at for whether they are known in time. Main thread.
 */
#ifndef POLICY_INSTANCE_FACT_H
#define POLICY_INSTANCE_FACT_H

#include "policy/instance.h"

/* Note that the instance's options name this fact, for the hooks of that side. */
void instance_fact_add(sluice_instance *inst, const sluice_expr *e, sluice_side side);
/* Note the facts that its plugin says it needs. */
void instance_fact_needs(sluice_instance *inst);

#endif
