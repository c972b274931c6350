/* gRPC's fields and codes. See the header. Any thread. */
#include "http/grpc.h"

#include "base/utf8.h"

enum { TIMEOUT_DIGITS = 8, STATUS_DIGITS = 3 };

static const char *const names[GRPC_CODES] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
};

/* From the finest unit to the coarsest. */
static const struct {
	char unit;
	uint64_t ns;
} units[] = {
	{ 'n', 1 },
	{ 'u', 1000 },
	{ 'm', 1000000 },
	{ 'S', 1000000000 },
	{ 'M', UINT64_C(60) * 1000000000 },
	{ 'H', UINT64_C(3600) * 1000000000 },
};
enum { UNITS = sizeof(units) / sizeof(units[0]) };

/*
 * gRPC has a table for clients that get a response without grpc-status, "HTTP to gRPC Status Code
 * Mapping". This table agrees with it for 400, 401, 403, 404, 502, 503 and 504, so that a refusal
 * has the same code whoever translates it. It differs for 429: UNAVAILABLE would make clients try
 * again at once, although they were told to slow down. For other statuses gRPC has UNKNOWN, and
 * this table is more exact.
 */
static const struct {
	uint16_t status;
	uint8_t code;
} codes[] = {
	{ 400, GRPC_INTERNAL },
	{ 401, GRPC_UNAUTHENTICATED },
	{ 403, GRPC_PERMISSION_DENIED },
	{ 404, GRPC_UNIMPLEMENTED },
	{ 405, GRPC_UNIMPLEMENTED },
	{ 408, GRPC_CANCELLED },
	{ 409, GRPC_ABORTED },
	{ 412, GRPC_FAILED_PRECONDITION },
	{ 413, GRPC_RESOURCE_EXHAUSTED },
	{ 414, GRPC_RESOURCE_EXHAUSTED },
	{ 416, GRPC_OUT_OF_RANGE },
	{ 421, GRPC_UNAVAILABLE },
	{ 422, GRPC_INVALID_ARGUMENT },
	{ 429, GRPC_RESOURCE_EXHAUSTED },
	{ 431, GRPC_RESOURCE_EXHAUSTED },
	{ 499, GRPC_CANCELLED },
	{ 500, GRPC_INTERNAL },
	{ 501, GRPC_UNIMPLEMENTED },
	{ 502, GRPC_UNAVAILABLE },
	{ 503, GRPC_UNAVAILABLE },
	{ 504, GRPC_UNAVAILABLE },
};

const char *grpc_code_name(unsigned code)
{
	return code < GRPC_CODES ? names[code] : "other";
}

bool grpc_is_content_type(sluice_str value)
{
	static const sluice_str type = { "application/grpc", 16 };
	if (value.len < type.len || !str_ieq(str_n(value.data, type.len), type))
		return false;
	return value.len == type.len || memchr("+; \t", value.data[type.len], 4) != NULL;
}

bool grpc_timeout_parse(sluice_str value, uint64_t *ns)
{
	uint64_t n;
	if (value.len < 2 || value.len > TIMEOUT_DIGITS + 1 ||
		!str_u64(str_n(value.data, value.len - 1), &n))
		return false;
	for (size_t i = 0; i < UNITS; i++) {
		if (units[i].unit != value.data[value.len - 1])
			continue;
		*ns = n > (GRPC_NO_TIMEOUT - 1) / units[i].ns ? GRPC_NO_TIMEOUT : n * units[i].ns;
		return true;
	}
	return false;
}

size_t grpc_timeout_write(uint64_t ns, char buf[GRPC_TIMEOUT_TEXT])
{
	char digits[TIMEOUT_DIGITS], *at = digits + TIMEOUT_DIGITS;
	size_t i = 0;
	while (ns / units[i].ns > 99999999)
		i++;
	uint64_t n = ns / units[i].ns;
	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	size_t len = (size_t)(digits + TIMEOUT_DIGITS - at);
	memcpy(buf, at, len);
	buf[len] = units[i].unit;
	return len + 1;
}

int grpc_status_parse(sluice_str value)
{
	uint64_t n;
	if (value.len == 0 || value.len > STATUS_DIGITS || !str_u64(value, &n) ||
		(value.data[0] == '0' && value.len > 1))
		return -1;
	return (int)n;
}

static bool message_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '%';
}

size_t grpc_message_write(sluice_str text, char *out, size_t max)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0, len;
	for (size_t at = 0; at < text.len; at += len) {
		const char *p = text.data + at;
		/* a blank at the end of a field's value would be none of it (RFC 9110 5.5) */
		bool edge = *p == ' ' && (n == 0 || at + 1 == text.len || n + 1 == max);
		len = utf8_len(p, text.len - at);
		bool plain = len == 0 || (len == 1 && !edge && message_is_plain((unsigned char)*p));
		if (n + (plain ? 1 : 3 * len) > max)
			break;
		if (plain) {
			out[n++] = len ? *p : '?';
			len = 1;
			continue;
		}
		for (size_t i = 0; i < len; i++) {
			out[n++] = '%';
			out[n++] = hex[(unsigned char)p[i] >> 4];
			out[n++] = hex[(unsigned char)p[i] & 15];
		}
	}
	while (n && out[n - 1] == ' ') /* what followed did not fit */
		n--;
	return n;
}

enum grpc_code grpc_code_of(int status)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].status == status)
			return (enum grpc_code)codes[i].code;
	}
	return GRPC_UNKNOWN;
}
