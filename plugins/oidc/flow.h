/* What the plugin keeps of one request that waits: one struct for all ways that a request can go.
 */
#ifndef OIDC_FLOW_H
#define OIDC_FLOW_H

#include <sluice/plugin.h>

#include "calls.h"
#include "kept.h"
#include "login.h"
#include "session.h"
#include "../oauth/token_answer.h"

/* How it stands with the tokens of a session. */
enum refreshed {
	REFRESHED_NOT,    /* they are good, or nobody needs them */
	REFRESHED_NEW,    /* the session has new ones */
	REFRESHED_ENDED,  /* there are none for this session any more */
	REFRESHED_FAILED, /* the provider cannot be asked */
	REFRESHED_DOWN,   /* the store cannot be asked */
};

struct flow {
	uint64_t since_ns;    /* when it began to wait */
	sluice_str return_to; /* after a login that begins */
	/* of a login that ends */
	struct login login;
	struct token_answer answer; /* owned */
	json_t *claims;             /* owned; of the verified ID token */
	struct session session;     /* owned; that of the request, or the new one */
	/* of a session whose tokens are fetched anew: what goes on then */
	sluice_verdict (
		*then)(sluice_exchange *x, const struct oidc_conf *conf, enum refreshed how);
	unsigned looks; /* for the new tokens */
	/* of a session in a store: its key, the id of a new one, calls and what goes on then */
	struct store_key key;
	char id[ID_TEXT];
	kept_fn kept, ended;
	struct store_calls calls;
	/* of a logout token: itself, the index of what it ends, its key and how long that stays */
	sluice_str logout_token;
	struct store_key index, jti;
	uint64_t jti_ms;
	calls_fn all_ended;
	bool is_kept; /* flow_end() has been registered */
};

/* The flow of this request. NULL: no memory. */
struct flow *flow_of(sluice_exchange *x);

#endif
