/* The versions of HTTP: what each is called, and where calls go. */
#include "http/version.h"

#include "../unit.h"

TEST(rows)
{
	static const struct {
		const char *name, *via;
		enum stat_id requests;
		uint8_t version;
		bool calls;
	} rows[] = {
		{ "HTTP/1.0", "Via: 1.0 sluice\r\n", STAT_PROTOCOL_HTTP1, 10, false },
		{ "HTTP/1.1", "Via: 1.1 sluice\r\n", STAT_PROTOCOL_HTTP1, 11, false },
		{ "HTTP/2", "Via: 2 sluice\r\n", STAT_PROTOCOL_HTTP2, 20, true },
		/* a start line that could not be read */
		{ "", "Via: 1.1 sluice\r\n", STAT_PROTOCOL_HTTP1, 0, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct http_version *v = http_version_of(rows[i].version);
		assert_true(str_eq(v->name, str_of(rows[i].name)));
		assert_true(str_eq(v->via, str_of(rows[i].via)));
		assert_int_equal(v->requests, rows[i].requests);
		assert_int_equal(v->carries_calls, rows[i].calls);
	}
}
