/* The versions of HTTP. Any thread. */
#include "http/version.h"

static const struct http_version http_1_0 = { .name = { "HTTP/1.0", 8 },
	.via = { "Via: 1.0 sluice\r\n", 17 },
	.requests = STAT_PROTOCOL_HTTP1 };
static const struct http_version http_1_1 = { .name = { "HTTP/1.1", 8 },
	.via = { "Via: 1.1 sluice\r\n", 17 },
	.requests = STAT_PROTOCOL_HTTP1 };
static const struct http_version http_2 = { .name = { "HTTP/2", 6 },
	.via = { "Via: 2 sluice\r\n", 15 },
	.requests = STAT_PROTOCOL_HTTP2,
	.carries_calls = true };
/* of a head whose start line could not be read: only HTTP/1 has one */
static const struct http_version http_1 = { .name = { "", 0 },
	.via = { "Via: 1.1 sluice\r\n", 17 },
	.requests = STAT_PROTOCOL_HTTP1 };

const struct http_version *http_version_of(uint8_t version)
{
	switch (version) {
	case 20:
		return &http_2;
	case 11:
		return &http_1_1;
	case 10:
		return &http_1_0;
	default:
		return &http_1;
	}
}
