/*
 * The name of an issuer as the configuration has it: a text that the claim `iss` equals, or one
 * with `{tenantid}` in it, as Microsoft Entra ID writes it in its discovery documents. Such a name
 * stands for one issuer for each tenant: `iss` has the claim `tid` in place of `{tenantid}`.
 */
#ifndef JWT_ISSUER_NAME_H
#define JWT_ISSUER_NAME_H

#include <jansson.h>
#include <sluice/plugin.h>

#define ISSUER_TENANT "{tenantid}"
enum { ISSUER_TENANT_MAX = 64 }; /* bytes of a tenant's id */

/* Whether the name stands for one issuer for each tenant. */
bool issuer_name_is_pattern(sluice_str name);
/* Whether the claims come, by their own word, from the issuer of that name. */
bool issuer_name_fits(sluice_str name, const json_t *claims);
/* The name with another text in place of `{tenantid}`, in memory of the instance; a name without it
 * as it is. */
sluice_str issuer_name_with(sluice_instance *inst, sluice_str name, sluice_str tenant);

#endif
