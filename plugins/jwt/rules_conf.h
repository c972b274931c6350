/* The options of the rules, and what is derived from them. */
#ifndef JWT_RULES_CONF_H
#define JWT_RULES_CONF_H

#include <sluice/plugin.h>

#include "claim_match.h"

struct rules_conf {
	sluice_strs types; /* of the header; `none` stands for a token without `typ` */
	bool exp_optional;
	sluice_strs tenants;
	sluice_strs audience_all;
	sluice_strs clients;
	sluice_pairs match_claims, forbid_claims;
	sluice_strs scopes_any;
	sluice_strs acr_values;
	uint64_t max_auth_age; /* ms */

	/* set by check() */
	struct claim_matches match, forbid;
	sluice_str scopes_needed; /* the sentence for a client without them; data NULL: none */
};

struct jwt_conf;

/* Main thread, in check(): the options of the rules. 0, or -1 with errors reported.
 * rules_conf_free() in both cases. */
int rules_conf_check(sluice_instance *inst, struct jwt_conf *conf);
void rules_conf_free(struct jwt_conf *conf);

#endif
