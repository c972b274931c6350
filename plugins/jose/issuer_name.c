/* Names of issuers, and patterns for those of many tenants. See the header. */
#include "issuer_name.h"

#include "strict.h"

static const sluice_str mark = { ISSUER_TENANT, sizeof(ISSUER_TENANT) - 1 };

size_t issuer_name_mark(sluice_str name)
{
	for (size_t i = 0; i + mark.len <= name.len; i++) {
		if (memcmp(name.data + i, mark.data, mark.len) == 0)
			return i;
	}
	return name.len;
}

bool issuer_name_is_pattern(sluice_str name)
{
	return issuer_name_mark(name) < name.len;
}

/* The id of a tenant is one word: with a slash in it, `iss` could be the name of another issuer. */
static bool is_tenant(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !sluice_is_digit(c) &&
			c != '-')
			return false;
	}
	return s.len > 0 && s.len <= ISSUER_TENANT_MAX;
}

static bool pattern_fits(sluice_str name, size_t at, sluice_str iss, sluice_str tenant)
{
	sluice_str end = sluice_str_skip(name, at + mark.len);
	return is_tenant(tenant) && iss.len == at + tenant.len + end.len &&
		memcmp(iss.data, name.data, at) == 0 &&
		memcmp(iss.data + at, tenant.data, tenant.len) == 0 &&
		sluice_str_eq(sluice_str_skip(iss, at + tenant.len), end);
}

bool issuer_name_fits(sluice_str name, const json_t *claims)
{
	sluice_str iss, tenant;
	if (!json_member_str(claims, "iss", &iss) || !iss.data)
		return false;
	size_t at = issuer_name_mark(name);
	if (at == name.len)
		return sluice_str_eq(iss, name);
	return json_member_str(claims, "tid", &tenant) && tenant.data &&
		pattern_fits(name, at, iss, tenant);
}
