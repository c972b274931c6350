/* What a token is found by. See the header. */
#include "deny_ids.h"

#include <stdlib.h>
#include <sys/random.h>

#include "../jose/claims.h"
#include "../jose/strict.h"

/* Written before workers begin; the same for all lists, so that what is kept with a token holds for
 * the lists of later configurations. */
static uint64_t print_key[2];

bool deny_ids_init(void)
{
	if (print_key[0] | print_key[1])
		return true;
	return getrandom(print_key, sizeof print_key, 0) == (ssize_t)sizeof print_key;
}

bool deny_row_of(const struct deny_entry *e, struct deny_row *out)
{
	out->before = e->before;
	out->until = e->until;
	return deny_fingerprint(print_key, e->kind, e->issuer, e->value, &out->print);
}

static void add(struct deny_ids *ids, enum deny_kind kind, sluice_str issuer, sluice_str value)
{
	if (deny_fingerprint(print_key, kind, issuer, value, &ids->prints[ids->n]))
		ids->n++;
}

struct deny_ids *deny_ids_of(const json_t *claims, unsigned by)
{
	struct deny_ids *ids = calloc(1, sizeof *ids);
	const json_t *iat = json_member(claims, "iat");
	double issued = iat && json_is_number(iat) ? json_number_value(iat) : 0;
	sluice_str issuer;
	if (!ids)
		return NULL;
	if (!json_member_str(claims, "iss", &issuer))
		issuer = SLUICE_STR_NONE;
	if (issued > 0)
		ids->iat = issued < DENY_ALL_TIMES ? (uint32_t)issued : DENY_ALL_TIMES;
	for (int kind = 0; kind < DENY_KINDS; kind++) {
		char buf[CLAIM_SCALAR_MAX];
		const json_t *claim = json_member(claims, deny_kind_names[kind]);
		if (!(by & DENY_BIT(kind)) || !claim)
			continue;
		sluice_str value = claim_scalar(claim, buf);
		if (!value.data)
			continue;
		add(ids, (enum deny_kind)kind, SLUICE_STR_NONE, value);
		if (issuer.len)
			add(ids, (enum deny_kind)kind, issuer, value);
	}
	return ids;
}

bool deny_ids_are_on(const struct deny_ids *ids, const struct deny_table *table, uint32_t now_s)
{
	bool found = false;
	for (unsigned i = 0; table && !found && i < ids->n; i++)
		found = deny_table_has(table, &ids->prints[i], ids->iat, now_s);
	return found;
}
