/*
 * The parts of gRPC over HTTP/2 ("PROTOCOL-HTTP2" of the gRPC project) that a gateway needs: which
 * requests are calls, deadlines, status codes, and messages in fields. No I/O. Any thread.
 */
#ifndef HTTP_GRPC_H
#define HTTP_GRPC_H

#include "base/err.h"
#include "base/str.h"

enum grpc_code {
	GRPC_OK,
	GRPC_CANCELLED,
	GRPC_UNKNOWN,
	GRPC_INVALID_ARGUMENT,
	GRPC_DEADLINE_EXCEEDED,
	GRPC_NOT_FOUND,
	GRPC_ALREADY_EXISTS,
	GRPC_PERMISSION_DENIED,
	GRPC_RESOURCE_EXHAUSTED,
	GRPC_FAILED_PRECONDITION,
	GRPC_ABORTED,
	GRPC_OUT_OF_RANGE,
	GRPC_UNIMPLEMENTED,
	GRPC_INTERNAL,
	GRPC_UNAVAILABLE,
	GRPC_DATA_LOSS,
	GRPC_UNAUTHENTICATED,
	GRPC_CODES,
};

#define GRPC_NO_TIMEOUT UINT64_MAX

enum {
	GRPC_TIMEOUT_TEXT = 9, /* eight digits and a unit */
	/* largest status that is accepted; those from GRPC_CODES on are not defined yet */
	GRPC_STATUS_MAX = 999,
};

/* "UNAVAILABLE"; "other" for what is not in the table. */
const char *grpc_code_name(unsigned code);

/* Whether a Content-Type says that the request is a call, or the response one's: application/grpc,
 * whatever the encoding of its messages and the parameters. application/grpc-web is another
 * protocol. */
bool grpc_is_content_type(sluice_str value);

/* grpc-timeout: 1 to 8 digits and one of H M S m u n. GRPC_NO_TIMEOUT for what is longer than 584
 * years. False: malformed. */
must_use bool grpc_timeout_parse(sluice_str value, uint64_t *ns);
/* The same in the finest unit that holds it, rounded down. Bytes written. */
size_t grpc_timeout_write(uint64_t ns, char buf[GRPC_TIMEOUT_TEXT]);

/* grpc-status: a number without leading zeros, at most GRPC_STATUS_MAX. -1: malformed. */
int grpc_status_parse(sluice_str value);

/*
 * grpc-message: text, which should be UTF-8, with everything but printable ASCII percent-encoded,
 * and blanks at its ends. At most max bytes are written to out: what does not fit is left out, by
 * whole characters. What is not UTF-8 becomes "?".
 */
size_t grpc_message_write(sluice_str text, char *out, size_t max);

/* The code for a refusal or failure with this HTTP status. */
enum grpc_code grpc_code_of(int status);

#endif
