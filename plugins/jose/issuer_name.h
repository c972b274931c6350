/*
 * The name of an issuer as a configuration or a key has it: a text that the claim `iss` equals, or
 * one with `{tenantid}` in it, as Microsoft Entra ID writes it in its discovery documents. Such a
 * name stands for one issuer for each tenant: `iss` has the claim `tid` in place of `{tenantid}`.
 */
#ifndef JOSE_ISSUER_NAME_H
#define JOSE_ISSUER_NAME_H

#include <jansson.h>
#include <sluice/str.h>

#define ISSUER_TENANT "{tenantid}"
enum { ISSUER_TENANT_MAX = 64 }; /* bytes of a tenant's id */

/* Whether the name stands for one issuer for each tenant. */
bool issuer_name_is_pattern(sluice_str name);
/* Whether the claims come, by their own word, from the issuer of that name. */
bool issuer_name_fits(sluice_str name, const json_t *claims);
/* Where `{tenantid}` begins in the name; name.len: nowhere. */
size_t issuer_name_mark(sluice_str name);

#endif
