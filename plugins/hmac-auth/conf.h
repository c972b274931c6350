/* The configuration of an instance of hmac-auth. */
#ifndef PLUGINS_HMAC_AUTH_CONF_H
#define PLUGINS_HMAC_AUTH_CONF_H

#include "../httpsig/base.h"
#include "../httpsig/input.h"
#include "../jose/verify.h"
#include "../shared/guess.h"
#include "../shared/seen.h"
#include "../shared/watch.h"
#include "signers.h"

enum body_digest { BODY_DIGEST_REQUIRED, BODY_DIGEST_OFF };
enum replay_mode { REPLAY_NONCE, REPLAY_SIGNATURE, REPLAY_OFF };
enum on_store_failure { ON_FAILURE_DENY, ON_FAILURE_ALLOW };

struct hmac_auth {
	sluice_blocks keys; /* of struct signer_option */
	sluice_str file;
	sluice_strs components;
	uint64_t parameters;      /* enum input_param */
	uint64_t max_age, leeway; /* ms */
	sluice_str label, tag;    /* empty: any */
	int32_t content_digest;   /* enum body_digest */
	uint64_t max_body;
	int32_t replay; /* enum replay_mode */
	const sluice_store *replay_store;
	int32_t on_store_failure; /* enum on_store_failure */
	uint64_t store_timeout;
	sluice_str origin;
	sluice_strs groups;
	sluice_str realm;
	bool forward_signature;
	sluice_rate failures;
	uint64_t refresh;

	/* set by check() */
	sluice_str origin_scheme, origin_authority; /* empty: what the request says */
	sluice_str challenge, asks;                 /* WWW-Authenticate, Accept-Signature */
	struct guess guess;
	struct seen_store seen;
	const sluice_metric *checks, *keys_known, *refused_files;

	/* main thread */
	struct watched watched;
	bool file_is_refused;
	size_t n_keys; /* that were published last */
};

/* Of one worker: what it verifies with, and memory for the request that it looks at. */
struct hmac_worker {
	struct verifier verifier;
	struct sig_input input;
	char fields[2 * SF_TEXT_MAX]; /* of fields that have several lines */
	char base[BASE_MAX];
	char scratch[BASE_SCRATCH];
};

#endif
