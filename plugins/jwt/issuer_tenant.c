/* The name of an issuer for one tenant. */
#include "issuer_tenant.h"

#include "../jose/issuer_name.h"

sluice_str issuer_name_with(sluice_instance *inst, sluice_str name, sluice_str tenant)
{
	size_t at = issuer_name_mark(name);
	if (at == name.len)
		return name;
	sluice_str end = sluice_str_skip(name, at + sizeof(ISSUER_TENANT) - 1);
	char *out = sluice_conf_alloc(inst, name.len + tenant.len + 1), *p = out;
	p = sluice_str_put(p, (sluice_str){ name.data, at });
	p = sluice_str_put(p, tenant);
	p = sluice_str_put(p, end);
	return (sluice_str){ out, (size_t)(p - out) };
}
