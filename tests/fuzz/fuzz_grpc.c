/* http/grpc on any bytes: what is written reads back as the same, within its bounds, and is a legal
 * value of a field. The first byte is the room for a message. */
#include <stdlib.h>

#include "base/utf8.h"
#include "http/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fuzz_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c - 'A' + 10;
}

/* The message as a client reads it. */
static size_t fuzz_decode(sluice_str s, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++, n++) {
		check(s.data[i] >= 0x20 && s.data[i] < 0x7f, "byte %02x in a message",
			(unsigned)(unsigned char)s.data[i]);
		if (s.data[i] != '%') {
			out[n] = s.data[i];
			continue;
		}
		check(i + 2 < s.len, "an escape that is cut, of %zu bytes", s.len - i);
		out[n] = (char)(fuzz_digit(s.data[i + 1]) << 4 | fuzz_digit(s.data[i + 2]));
		i += 2;
	}
	return n;
}

static void fuzz_message(sluice_str text, size_t room)
{
	char out[1024], back[1024];
	sluice_str message = str_n(out, grpc_message_write(text, out, room));
	check(message.len <= room, "%zu bytes in a room of %zu", message.len, room);
	check(str_is_field_value(message) && str_eq(str_trim(message), message),
		"no value of a field, of %zu bytes", message.len);
	size_t n = fuzz_decode(message, back);
	check(n <= text.len, "%zu bytes of %zu", n, text.len);
	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_len(text.data + i, text.len - i);
		check(len ? i + len <= n && memcmp(back + i, text.data + i, len) == 0
			  : back[i] == '?',
			"byte %zu is another", i);
		len += len == 0;
	}
}

static void fuzz_timeout(sluice_str text)
{
	char buf[GRPC_TIMEOUT_TEXT];
	uint64_t ns, back;
	if (!grpc_timeout_parse(text, &ns))
		return;
	check(text.len >= 2 && text.len <= GRPC_TIMEOUT_TEXT, "a deadline of %zu bytes", text.len);
	size_t n = grpc_timeout_write(ns, buf);
	check(n <= sizeof(buf) && grpc_timeout_parse(str_n(buf, n), &back),
		"%llu ns cannot be read", (unsigned long long)ns);
	check(ns == GRPC_NO_TIMEOUT || back == ns, "%llu ns become %llu", (unsigned long long)ns,
		(unsigned long long)back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	sluice_str text = str_n((const char *)data + 1, size - 1);
	fuzz_message(text, data[0] * 4);
	fuzz_timeout(text);
	int status = grpc_status_parse(text);
	check(status >= -1 && status <= GRPC_STATUS_MAX, "a status of %d", status);
	check(!grpc_is_content_type(text) || text.len >= 16, "%zu bytes are a content type",
		text.len);
	return 0;
}
