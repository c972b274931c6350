/* Identities. See identity.h. */
#include "policy/identity.h"

#include "policy/attr.h"
#include "policy/consumer.h"
#include "policy/guard.h"

#define FACTS "consumer:"

/* A fact of the identity. Names of facts that plugins give come without the namespace. */
static void identity_fact(sluice_exchange *x, const sluice_pair *f)
{
	sluice_str name = arena_printf(x->arena, FACTS "%.*s", STR_ARG(f->name));
	if (name.data)
		attr_set(x, name, f->value);
}

/* The groups that the plugin knows and those of the consumer. */
static void identity_groups(sluice_exchange *x, sluice_str known, sluice_str more)
{
	sluice_str all = known.len ? known : more;
	if (known.len && more.len)
		all = arena_printf(x->arena, "%.*s,%.*s", STR_ARG(known), STR_ARG(more));
	if (all.len)
		attr_set(x, STR("groups"), all);
}

/* Whether the name is that of a consumer, or one that identity_name() makes of it. */
static bool identity_is_taken(const struct consumers *all, sluice_str name)
{
	sluice_str rest = name;
	while (rest.len) {
		if (consumers_have(all, rest))
			return true;
		(void)str_cut(&rest, ':');
	}
	return false;
}

/* Nobody can have the name of a consumer but those that are tied to it, nor the name that another
 * instance's identity has for want of it. */
static sluice_str identity_name(sluice_exchange *x, const struct consumers *all, sluice_str name)
{
	if (!all || !identity_is_taken(all, name))
		return name;
	return arena_printf(x->arena, "%.*s:%.*s", STR_ARG(run_item(x)->inst->name), STR_ARG(name));
}

/* The texts are copied, so who->name may be one of those that are forgotten. */
bool identity_set(sluice_exchange *x, const sluice_identity *who)
{
	static const char service[] = "sluice_identify()";
	if (!guard_hook(x, service) || !guard_given(who, service, "the identity is NULL"))
		return false;
	if (who->size < offsetof(sluice_identity, facts) + sizeof(who->facts))
		return guard_refuse(service, "the size of the identity is not set");
	if (!who->name.len || !who->name.data)
		return guard_refuse(service, "the identity has no name");
	const struct consumers *all = x->keeper ? x->keeper->consumers : NULL;
	const struct consumer *c = all ? consumers_find(all, run_item(x)->inst->name, who->name)
				       : NULL;
	attr_forget(x, STR("groups"), STR(FACTS));
	attr_set(x, STR("consumer"), c ? c->name : identity_name(x, all, who->name));
	identity_groups(x, who->groups, c ? c->groups : STR(""));
	for (size_t i = 0; i < who->facts.n; i++)
		identity_fact(x, &who->facts.v[i]);
	for (size_t i = 0; c && i < c->facts.n; i++)
		attr_set(x, c->facts.v[i].name, c->facts.v[i].value);
	return !x->arena->failed;
}

void identity_absent(sluice_exchange *x)
{
	if (guard_hook(x, "sluice_credentials_absent()"))
		x->credentials_absent = true;
}
