/* The messages of gRPC health checks. See the header. */
#include "upstream/check_grpc.h"

#include <string.h>

#include "base/check.h"

/* Types of fields on the wire (protobuf encoding). */
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum { FIELD_SERVICE = 1, FIELD_STATUS = 1, FRAME_HEAD = 5, VARINT_MAX = 10 };

size_t check_grpc_ask(sluice_str service, char out[GRPC_ASK_MAX])
{
	size_t n = FRAME_HEAD, message;
	check(service.len <= GRPC_SERVICE_MAX, "a service of %zu bytes", service.len);
	if (service.len) {
		out[n++] = FIELD_SERVICE << 3 | WIRE_BYTES;
		if (service.len >= 0x80) {
			out[n++] = (char)(unsigned char)(0x80 | (service.len & 0x7f));
			out[n++] = (char)(service.len >> 7);
		} else {
			out[n++] = (char)service.len;
		}
		memcpy(out + n, service.data, service.len);
		n += service.len;
	}
	message = n - FRAME_HEAD;
	memcpy(out, "\0\0\0\0\0", FRAME_HEAD); /* not compressed; the length is below 2^16 */
	out[3] = (char)(unsigned char)(message >> 8);
	out[4] = (char)(unsigned char)(message & 0xff);
	return n;
}

static unsigned byte_at(sluice_str s, size_t i)
{
	return (unsigned char)s.data[i];
}

/* Take a number off the front. False: it is cut short, or longer than 64 bits. */
static bool take_varint(sluice_str *s, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < s->len && i < VARINT_MAX; i++) {
		unsigned b = byte_at(*s, i);
		if (i == VARINT_MAX - 1 && b > 1)
			return false;
		*out |= (uint64_t)(b & 0x7f) << (7 * i);
		if (b < 0x80) {
			*s = str_n(s->data + i + 1, s->len - i - 1);
			return true;
		}
	}
	return false;
}

/* Skip the value of a field of that type. */
static bool skip_value(sluice_str *s, unsigned wire)
{
	uint64_t n = 0;
	switch (wire) {
	case WIRE_VARINT:
		return take_varint(s, &n);
	case WIRE_64:
		n = 8;
		break;
	case WIRE_32:
		n = 4;
		break;
	case WIRE_BYTES:
		if (!take_varint(s, &n))
			return false;
		break;
	default:
		return false;
	}
	if (n > s->len)
		return false;
	*s = str_n(s->data + n, s->len - (size_t)n);
	return true;
}

enum grpc_health check_grpc_read(sluice_str body)
{
	uint64_t status = 0, key;
	if (body.len < FRAME_HEAD || byte_at(body, 0) != 0)
		return GRPC_CHECK_MALFORMED; /* no compression was offered */
	uint64_t len = (uint64_t)byte_at(body, 1) << 24 | byte_at(body, 2) << 16 |
		byte_at(body, 3) << 8 | byte_at(body, 4);
	if (len != body.len - FRAME_HEAD)
		return GRPC_CHECK_MALFORMED;
	sluice_str rest = str_n(body.data + FRAME_HEAD, body.len - FRAME_HEAD);
	while (rest.len) {
		if (!take_varint(&rest, &key) || key >> 3 == 0)
			return GRPC_CHECK_MALFORMED;
		bool is_status = key >> 3 == FIELD_STATUS && (key & 7) == WIRE_VARINT;
		if (is_status ? !take_varint(&rest, &status) : !skip_value(&rest, key & 7))
			return GRPC_CHECK_MALFORMED;
	}
	return status == 0    ? GRPC_CHECK_UNKNOWN
		: status == 1 ? GRPC_CHECK_SERVING
			      : GRPC_CHECK_NOT_SERVING;
}
