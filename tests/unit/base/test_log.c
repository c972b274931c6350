/* base/log: one line an event, levels, and nothing a stranger wrote can forge a line. */
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#include "unit.h"

static char out[16384];

/* Run body with stderr in a pipe; what it wrote is then in out. */
static int saved, ends[2];

static void capture(void)
{
	assert_int_equal(pipe(ends), 0);
	saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(ends[1]), 0);
}

static size_t captured(void)
{
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(saved), 0);
	size_t n = 0;
	ssize_t r;
	while ((r = read(ends[0], out + n, sizeof(out) - 1 - n)) > 0)
		n += (size_t)r;
	assert_int_equal(close(ends[0]), 0);
	out[n] = 0;
	return n;
}

TEST(levels)
{
	log_set_level(LOG_WARN);
	assert_true(log_is_on(LOG_ERROR));
	assert_true(log_is_on(LOG_WARN));
	assert_false(log_is_on(LOG_INFO));
	capture();
	log_info("test", "not %s", "shown");
	log_debug("test", "nor this");
	log_warn("test", "shown");
	log_error("test", "too");
	captured();
	assert_null(strstr(out, "not shown"));
	assert_null(strstr(out, "nor this"));
	assert_non_null(strstr(out, "warn  test: shown\n"));
	assert_non_null(strstr(out, "error test: too\n"));
}

TEST(control_bytes)
{
	log_set_level(LOG_INFO);
	capture();
	log_info("test", "a%sb", "\r\n2024-01-01T00:00:00.000Z info forged: \x1b[31m\x7f");
	captured();
	assert_non_null(strstr(out, "a\\x0d\\x0a2024"));
	assert_non_null(strstr(out, "\\x1b[31m\\x7fb\n"));
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1); /* one line */
}

TEST(long_line)
{
	static char text[5000];
	log_set_level(LOG_INFO);
	memset(text, '\x01', sizeof(text) - 1);
	capture();
	log_info("test", "%s", text);
	size_t n = captured();
	assert_true(n < 4200);
	assert_int_equal(out[n - 1], '\n');
	memset(text, 'x', sizeof(text) - 1);
	capture();
	log_info("test", "%s", text);
	n = captured();
	assert_in_range(n, 2000, 2200);
}
