/* The options of the plugin grpc-web, as bound. Immutable while in force. */
#ifndef GRPC_WEB_CONF_H
#define GRPC_WEB_CONF_H

#include <sluice/plugin.h>

#include "../shared/cors.h"

struct grpc_web {
	sluice_strs origins;
	sluice_strs headers;
	sluice_strs expose;
	bool credentials;
	uint64_t max_age;        /* milliseconds */
	struct cors_policy cors; /* made by check() */
};

#endif
