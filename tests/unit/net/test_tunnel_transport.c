/* net/tunnel_transport: the answer to CONNECT, and what comes behind it. */
#include "net/tunnel_transport.h"

#include "test.h"

static int read_text(const char *text, int *status)
{
	return tunnel_answer_read(str_of(text), status);
}

TEST(an_answer_ends_with_its_empty_line)
{
	static const char text[] = "HTTP/1.1 200 Connection established\r\nVia: p\r\n\r\nTLS";
	int status = 0;
	size_t whole = sizeof(text) - 1 - 3;
	for (size_t n = 0; n < whole; n++)
		assert_int_equal(tunnel_answer_read(str_n(text, n), &status), 0);
	assert_int_equal(status, 0); /* set on success only */
	assert_int_equal(read_text(text, &status), whole);
	assert_int_equal(status, 200);
	assert_int_equal(read_text("HTTP/1.0 407\r\n\r\n", &status), 16);
	assert_int_equal(status, 407);
	assert_int_equal(read_text("HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\n\r\n", &status), 17);
	assert_int_equal(status, 100);
}

TEST(what_is_no_answer_is_told_at_once)
{
	static const char *const bad[] = { "S", "SSH-2.0", "HTTP/2 200\r\n\r\n",
		"http/1.1 200\r\n\r\n", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000\r\n\r\n",
		"HTTP/1.x 200\r\n\r\n", "HTTP/1.1  200\r\n\r\n", "HTTP/1.1 099 \r\n\r\n",
		"\r\n\r\n", "HTTP/1.1\r\n\r\n" };
	int status = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (read_text(bad[i], &status) != -1)
			fail_msg("%s", bad[i]);
	}
	static char endless[TUNNEL_ANSWER_MAX + 1] = "HTTP/1.1 200 ";
	memset(endless + 13, 'a', sizeof(endless) - 14);
	assert_int_equal(tunnel_answer_read(str_n(endless, TUNNEL_ANSWER_MAX - 1), &status), 0);
	assert_int_equal(tunnel_answer_read(str_n(endless, TUNNEL_ANSWER_MAX), &status), -1);
	assert_int_equal(status, 0);
}
