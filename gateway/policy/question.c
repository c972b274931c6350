/* Questions to plugins. See the header. */
#include "policy/question.h"

#include "policy/running.h"

bool question_is_known(const sluice_instance *inst)
{
	return inst->plugin->explain != NULL;
}

sluice_verdict question_ask(sluice_instance *inst, const sluice_question *q)
{
	running_set_main(inst, RUNNING_EXPLAIN);
	sluice_verdict v = inst->plugin->explain(inst, inst->conf, q);
	running_clear_main(inst);
	instance_returned(inst);
	if (v == SLUICE_WAIT)
		return q->last ? SLUICE_FAIL : v;
	return v == SLUICE_NEXT || v == SLUICE_REPLY ? v : SLUICE_FAIL;
}
