/* The data of an instance on one worker. */
#include "worker.h"

#include <stdlib.h>

void worker_fini(struct worker *w)
{
	cache_fini(&w->cache);
	verifier_fini(&w->proofs);
	jwe_keys_free(&w->decryption);
	for (size_t i = 0; i < w->n_verifiers; i++)
		verifier_fini(&w->verifiers[i]);
	free(w->verifiers);
	expression_scratch_free(&w->scratch);
	*w = (struct worker){ .n_verifiers = 0 };
}

int worker_init(struct worker *w, const struct jwt_conf *conf)
{
	int rc = cache_init(&w->cache, conf->cache);
	w->verifiers = calloc(conf->n_trusted, sizeof *w->verifiers);
	for (; rc == 0 && w->verifiers && w->n_verifiers < conf->n_trusted; w->n_verifiers++)
		rc = verifier_init(&w->verifiers[w->n_verifiers]);
	if (conf->rules.match.has_regex || conf->rules.forbid.has_regex) {
		w->scratch = expression_scratch_new();
		rc = w->scratch ? rc : -1;
	}
	if (rc == 0 && conf->dpop.mode != DPOP_OFF)
		rc = verifier_init(&w->proofs);
	if (conf->decryption && !(w->decryption = jwe_keys_copy(conf->decryption)))
		rc = -1;
	if (rc == 0 && w->verifiers)
		return 0;
	worker_fini(w);
	return -1;
}
