/* Names of facts and numbers. See known.h. */
#include "known.h"

#include <sluice/plugin.h>

enum when { REQUEST, ROUTED, ANSWERED, STATED };

struct known {
	const char *name;
	int info;
	enum when when;
};

static const struct known facts[] = {
#define G(name, info, text, when, help) { text, SLUICE_I_##info, when },
#define F(name, text, named, when, help) { text, -1, when },
#include "policy/fact.def"
};
enum { FACTS = sizeof(facts) / sizeof(facts[0]) };

/* without the status, which is that of the response */
static const char *const numbers[] = {
	[SLUICE_N_UPSTREAM_STATUS] = "upstream_status",
	[SLUICE_N_TRIES] = "tries",
	[SLUICE_N_BYTES_IN] = "bytes_in",
	[SLUICE_N_BYTES_OUT] = "bytes_out",
	[SLUICE_N_REQUEST_BODY] = "request_body",
	[SLUICE_N_RESPONSE_BODY] = "response_body",
	[SLUICE_N_DURATION_US] = "duration_us",
	[SLUICE_N_CONNECT_US] = "connect_us",
	[SLUICE_N_RESPONSE_US] = "response_us",
	[SLUICE_N_START_MS] = "start_ms",
	[SLUICE_N_CLIENT_PORT] = "client_port",
	[SLUICE_N_PEER_PORT] = "peer_port",
	[SLUICE_N_CONNECTION_REQUESTS] = "connection_requests",
	[SLUICE_N_CONNECTION_KEPT] = "connection_kept",
};
enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

const char known_numbers[] =
	"upstream_status, tries, bytes_in, bytes_out, request_body, response_body, duration_us, "
	"connect_us, response_us, start_ms, client_port, peer_port, connection_requests, "
	"connection_kept";

/* The row of a plain fact, or of the kind that the name begins with ("header:"); NULL: none. */
static const struct known *find(sluice_str name)
{
	for (int i = 0; i < FACTS; i++) {
		sluice_str row = str_of(facts[i].name);
		bool is_kind = row.data[row.len - 1] == ':';
		if (is_kind ? str_starts(name, row) : str_eq(name, row))
			return &facts[i];
	}
	return NULL;
}

int known_info(sluice_str name)
{
	const struct known *k = find(name);
	return k ? k->info : -1;
}

bool known_is_of_request(sluice_str name)
{
	const struct known *k = find(name);
	if (!k || k->when != REQUEST)
		return false;
	switch (k->info) {
	case -1: /* header:, query:, cookie: */
	case SLUICE_I_CLIENT_IP:
	case SLUICE_I_METHOD:
	case SLUICE_I_SCHEME:
	case SLUICE_I_HOST:
	case SLUICE_I_AUTHORITY:
	case SLUICE_I_ASKED_AUTHORITY:
	case SLUICE_I_PATH:
	case SLUICE_I_SENT_PATH:
	case SLUICE_I_QUERY:
	case SLUICE_I_TARGET:
		return true;
	default:
		return false;
	}
}

bool known_is_of_response(sluice_str name)
{
	const struct known *k = find(name);
	return k && k->when == ANSWERED;
}

int known_number(sluice_str name)
{
	for (int i = 0; i < NUMBERS; i++) {
		if (numbers[i] && str_eq(name, str_of(numbers[i])))
			return i;
	}
	return -1;
}
