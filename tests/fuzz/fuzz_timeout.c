/* http/timeout on any bytes: what is written reads back as the same, rounded down to milliseconds.
 * The first byte chooses the unit. */
#include "base/clock.h"
#include "http/timeout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char buf[TIMEOUT_TEXT];
	uint64_t ns, back;
	if (size == 0)
		return 0;
	bool is_ms = data[0] & 1;
	sluice_str text = str_n((const char *)data + 1, size - 1);
	(void)timeout_is_ms(text);
	if (!timeout_parse(text, is_ms, &ns))
		return 0;
	check(text.len <= 2 * TIMEOUT_DIGITS + 3, "a time of %zu bytes", text.len);
	check(ns < 1000000000 * NS_PER_S, "%llu ns", (unsigned long long)ns);
	size_t n = timeout_write(ns, is_ms, buf);
	check(n < sizeof(buf), "%zu bytes are written", n);
	/* in milliseconds there may be more digits than are read */
	if (!timeout_parse(str_n(buf, n), is_ms, &back)) {
		check(is_ms && ns / NS_PER_MS > 999999999, "%llu ns cannot be read",
			(unsigned long long)ns);
		return 0;
	}
	check(back == ns - ns % NS_PER_MS, "%llu ns become %llu", (unsigned long long)ns,
		(unsigned long long)back);
	return 0;
}
