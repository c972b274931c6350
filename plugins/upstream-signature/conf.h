/* The configuration of an instance of upstream-signature. */
#ifndef PLUGINS_UPSTREAM_SIGNATURE_CONF_H
#define PLUGINS_UPSTREAM_SIGNATURE_CONF_H

#include "../httpsig/base.h"
#include "../httpsig/pen.h"

enum client_signatures { CLIENT_KEEP, CLIENT_REMOVE };
enum body_digest { BODY_DIGEST_OFF, BODY_DIGEST_SHA256, BODY_DIGEST_SHA512 };
enum scheme { SCHEME_HTTPS, SCHEME_HTTP };

struct upstream_signature {
	sluice_str secret, private_key;
	int32_t algorithm; /* enum sig_alg, plus 1; 0: that of the key */
	sluice_str keyid, label, tag;
	sluice_strs components;
	uint64_t expires; /* ms; 0: none */
	bool nonce, send_alg;
	int32_t content_digest; /* enum body_digest */
	uint64_t max_body;
	int32_t client_signatures; /* enum client_signatures */
	int32_t scheme;            /* enum scheme */

	/* set by check() */
	struct sf_list covers; /* without parameters */
	struct sig_signer *signer;
	enum sig_alg alg;
	const sluice_metric *requests;
};

/* Of one worker: what it signs with, and memory for the request that it looks at. */
struct signature_worker {
	struct sig_pen *pen; /* owned */
	struct sf_list list;
	char base[BASE_MAX];
	char scratch[BASE_SCRATCH];
	char value[2 * SF_TEXT_MAX]; /* of a field */
};

#endif
