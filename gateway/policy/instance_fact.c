/* The facts that an instance reads. See the header. */
#include "policy/instance_fact.h"

#include "policy/expr.h"

void instance_fact_add(sluice_instance *inst, const sluice_expr *e, sluice_side side)
{
	if (fact_table[e->fact].how == FACT_REQUEST)
		return;
	struct instance_fact *f = arena_new(&inst->arena, struct instance_fact);
	*f = (struct instance_fact){ .next = inst->facts,
		.text = e->text,
		.side = (uint8_t)side,
		.use = FACT_USED };
	inst->facts = f;
}

void instance_fact_needs(sluice_instance *inst)
{
	for (const char *const *v = plugin_needs(inst->plugin); v && *v; v++) {
		bool wished = **v == '?';
		sluice_str name, text = str_of(*v + wished);
		if (fact_table[fact_find(text, &name)].how == FACT_REQUEST)
			continue;
		struct instance_fact *f = arena_new(&inst->arena, struct instance_fact);
		*f = (struct instance_fact){ .next = inst->facts,
			.text = text,
			.side = SLUICE_REQUEST,
			.use = wished ? FACT_WISHED : FACT_NEEDED };
		inst->facts = f;
	}
}
