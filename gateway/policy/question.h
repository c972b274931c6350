/* Asking an instance how it would judge a credential: its plugin's explain(). Main thread, in a
 * command, after instance_start(). */
#ifndef POLICY_QUESTION_H
#define POLICY_QUESTION_H

#include "policy/instance.h"

/* Whether the plugin can be asked. */
bool question_is_known(const sluice_instance *inst);
/* As explain(), of a plugin that can be asked; any verdict that it may not return is SLUICE_FAIL.
 */
sluice_verdict question_ask(sluice_instance *inst, const sluice_question *q);

#endif
