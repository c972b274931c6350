/* What an instance keeps on each worker. */
#ifndef OIDC_WORKER_H
#define OIDC_WORKER_H

#include "../jose/verify.h"

struct worker {
	struct verifier verifier;
	bool is_ready; /* the verifier's start succeeded */
};

#endif
