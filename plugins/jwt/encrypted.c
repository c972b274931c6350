/* Decrypting access tokens. */
#include "encrypted.h"

#include "../jose/jwe.h"
#include "worker.h"

int encrypted_check(sluice_instance *inst, struct jwt_conf *conf)
{
	char why[160];
	if (conf->decryption_keys.len == 0)
		return 0;
	conf->decryption = jwe_keys_read(conf->decryption_keys, why, sizeof why);
	if (conf->decryption)
		return 0;
	sluice_conf_error(inst, "decryption_keys", "%s", why);
	sluice_conf_hint(inst,
		"write file:PATH of a PEM file with private keys, or of a key set (JWKS) that has "
		"them");
	return -1;
}

void encrypted_stop(struct jwt_conf *conf)
{
	jwe_keys_free(&conf->decryption);
}

enum reason encrypted_open(sluice_exchange *x, sluice_str token, sluice_str *text)
{
	const struct worker *w = sluice_worker_state(x);
	*text = token;
	if (!w->decryption || !jwe_is_one(token))
		return REASON_NONE;
	size_t n;
	char *plain = sluice_alloc(x, token.len);
	if (!plain)
		return REASON_NO_MEMORY;
	enum reason why = reason_of_jose(jwe_open(w->decryption, token, plain, &n));
	if (why == REASON_NONE)
		*text = sluice_str_n(plain, n);
	return why;
}
