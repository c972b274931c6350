/* What an instance keeps on each worker. */
#ifndef OIDC_WORKER_H
#define OIDC_WORKER_H

#include "../jose/verify.h"

struct refresh_job;

struct worker {
	struct verifier verifier;
	struct refresh_job *jobs; /* owned; see refresh.h */
	bool is_ready;            /* the verifier's start succeeded */
};

#endif
