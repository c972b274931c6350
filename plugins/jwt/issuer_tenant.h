/* Names of issuers, with a tenant in the place of `{tenantid}`: ../jose/issuer_name.h. */
#ifndef JWT_ISSUER_TENANT_H
#define JWT_ISSUER_TENANT_H

#include <sluice/plugin.h>

/* The name with another text in place of `{tenantid}`, in memory of the instance; a name without it
 * as it is. */
sluice_str issuer_name_with(sluice_instance *inst, sluice_str name, sluice_str tenant);

#endif
