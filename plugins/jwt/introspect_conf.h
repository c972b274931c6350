/* The options of introspection, and what check() derives from them. */
#ifndef JWT_INTROSPECT_CONF_H
#define JWT_INTROSPECT_CONF_H

#include <sluice/plugin.h>

#include "../oauth/client_auth.h"

enum introspect_tokens { INTROSPECT_OPAQUE, INTROSPECT_ALL };
enum introspect_format { INTROSPECT_JSON, INTROSPECT_JWT };
enum introspect_failure { INTROSPECT_DENY, INTROSPECT_STALE };

struct introspect_shared;

struct introspection {
	sluice_str url; /* empty: nobody is asked */
	struct client_auth client;
	int32_t tokens;                                 /* enum introspect_tokens */
	int32_t format;                                 /* enum introspect_format */
	int32_t on_failure;                             /* enum introspect_failure */
	uint64_t ttl, negative_ttl, stale_for, timeout; /* ms */
	uint64_t size;                                  /* bytes of memory for answers */
	uint64_t max_pending;                           /* questions under way */
	/* set by introspect_check() */
	struct introspect_shared *shared; /* of all workers; NULL: nobody is asked */
};

extern const sluice_option introspect_options[];

struct jwt_conf;

/* In check(). 0, or -1 with errors reported. introspect_stop() in both cases. */
int introspect_check(sluice_instance *inst, struct jwt_conf *conf);
void introspect_stop(struct jwt_conf *conf);

#endif
