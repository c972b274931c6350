/*
 * Connections that are refused before a request was read. Each is counted, and the error log has a
 * line, but not so often that a client could fill it. Each worker has its own. Its thread.
 */
#ifndef FRONT_REFUSAL_H
#define FRONT_REFUSAL_H

#include "base/stat.h"
#include "base/str.h"

enum refusal {
	REFUSAL_MAX_CONNECTIONS,
	REFUSAL_MAX_PER_CLIENT,
	REFUSAL_PROXY_HEADER,
	REFUSAL_TLS,
	REFUSAL_PLAIN_HTTP,
	REFUSAL_GATE, /* its detail says all */
	REFUSALS
};

struct refusals {
	struct {
		uint64_t next_ns; /* when the next may be logged */
		uint64_t untold;
	} v[REFUSALS];
};

/* peer: who connected. detail: a few words more, or "". */
void refusal_tell(struct refusals *r, enum refusal why, uint64_t now_ns, sluice_str listener,
	sluice_str peer, const char *detail);

#endif
