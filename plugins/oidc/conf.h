/* One instance of the plugin: its options, and what check() derives from them. */
#ifndef OIDC_CONF_H
#define OIDC_CONF_H

#include <sluice/plugin.h>
#include <sluice/str.h>

#include "../oauth/client_auth.h"
#include "../oauth/source.h"
#include "seal.h"

enum pushed_requests { PUSHED_AUTO, PUSHED_NEVER };

struct provider;

struct oidc_conf {
	sluice_str issuer;
	struct client_auth client;
	bool public_client; /* it has no credentials */
	sluice_strs secret;
	sluice_strs scopes;
	sluice_str redirect_uri, login_path, logout_path, post_logout_redirect_uri;
	sluice_str backchannel_logout_path, frontchannel_logout_path;
	sluice_strs acr_values;
	uint64_t max_age; /* ms; 0: any */
	bool acr_essential;
	sluice_pairs authorization_params;
	uint64_t algorithms;     /* ALG_BIT()s */
	int32_t pushed_requests; /* enum pushed_requests */
	bool userinfo, forward_access_token;
	sluice_pairs claims_to_headers;
	sluice_str consumer;
	sluice_str cookie;
	const sluice_store *store; /* NULL: sessions lie in cookies */
	uint64_t store_timeout;    /* ms */
	uint64_t session_lifetime, session_idle, login_timeout, leeway; /* ms */
	uint64_t refresh_ahead;                                         /* ms */
	struct source_terms keys;
	sluice_str ca_file, realm;

	/* set by check() */
	sluice_str acr_list, acr_claims,
		max_age_text; /* as parameters of the authorization request; or no data */
	const sluice_script *read_script, *index_script;
	sluice_str touch_args[2], index_args[2];
	const sluice_metric *logins, *refreshes, *logouts, *store_calls;
	sluice_str callback_path;
	sluice_str scope; /* of the authorization request */
	sluice_str challenge;
	/* what cookies are sealed for: the session's, and those of logins */
	sluice_str for_session, for_login;
	struct seal seal;
	sluice_cache *renewed;      /* shared by workers, see refresh.h; NULL: no refresh */
	const sluice_store *claims; /* which worker refreshes */
	struct provider *provider;  /* main thread, see provider.h */
};

#endif
