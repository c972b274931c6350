/* An instance with a script, for the tests of lua. */
#ifndef TESTS_PLUGINS_LUA_SCRIPT_H
#define TESTS_PLUGINS_LUA_SCRIPT_H

#include <sluice/str.h>
#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static inline int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

/* The script is the file s.lua; option NULL: none. */
static inline sluice_instance *instance_with(const char *script, const char *option,
	const char *value)
{
	kit_file("s.lua", script);
	return kit_instance(&sluice_plugin_record, "file", "s.lua", option, value, NULL);
}

static inline sluice_instance *started_with(const char *script, const char *option,
	const char *value)
{
	sluice_instance *i = instance_with(script, option, value);
	kit_start(i);
	return i;
}

static inline sluice_instance *started(const char *script)
{
	return started_with(script, NULL, NULL);
}

/* What on_request logs and answers, of one request. */
static inline sluice_verdict verdict_of(sluice_instance *i, const char *target)
{
	sluice_exchange *x = kit_request(i, "GET", target, NULL);
	sluice_verdict v = kit_verdict(x);
	kit_end(x);
	return v;
}

static inline void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

/* The mistake that the check of such a script reports. */
static inline void assert_refused(const char *script, const char *option, const char *value,
	const char *why)
{
	sluice_instance *i = instance_with(script, option, value);
	assert_int_equal(kit_check(i), -1);
	assert_has(kit_errors(i), why);
	kit_stop(i);
}

/* A request fails, and the log says so. */
static inline void assert_fails(sluice_instance *i, const char *target, const char *why)
{
	(void)kit_log();
	kit_advance(1000); /* one line a second */
	assert_int_equal(verdict_of(i, target), SLUICE_FAIL);
	assert_has(kit_log(), why);
}

#endif
