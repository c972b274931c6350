/* The plugin lua in the kit: scripts whose functions are called back from C, in each other. */
#include <sys/resource.h>

#include "script.h"

/* Less than threads have anywhere that Sluice is built for, and LuaJIT's own bounds are beyond
 * it. */
static int small_stack(void **state)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_STACK, &limit), 0);
	limit.rlim_cur = 2 * 1024 * 1024;
	assert_int_equal(setrlimit(RLIMIT_STACK, &limit), 0);
	return setup(state);
}

/* on_request() calls f(), which the text defines. */
static sluice_instance *nesting(const char *text, const char *jit)
{
	char script[1024];
	int n = snprintf(script, sizeof(script),
		"%s\n"
		"function on_request()\n"
		"  if sluice.get('path') == '/nest' then f() end\n"
		"end",
		text);
	assert_in_range(n, 1, sizeof(script) - 1);
	kit_file("s.lua", script);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "file", "s.lua", "memory", "1GiB",
		"instructions", "1000000000", "jit", jit, NULL);
	kit_start(i);
	return i;
}

static void assert_nesting_ends(const char *text, const char *why)
{
	static const char *const jit[] = { "false", "true" };
	for (size_t k = 0; k < 2; k++) {
		sluice_instance *i = nesting(text, jit[k]);
		assert_fails(i, "/nest", why);
		assert_fails(i, "/nest", why);
		assert_int_equal(verdict_of(i, "/"), SLUICE_NEXT);
		kit_stop(i);
	}
}

static void assert_nesting_succeeds(const char *text)
{
	sluice_instance *i = nesting(text, "false");
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(verdict_of(i, "/nest"), SLUICE_NEXT);
	kit_stop(i);
}

static const char too_many[] = "too many nested calls";

TEST_WITH(functions_of_gsub_that_call_gsub_do_not_overflow_the_stack, small_stack, NULL)
{
	assert_nesting_ends("function f() return (('a'):gsub('a', f)) end",
		"s.lua:1: too many nested calls");
	assert_nesting_ends("t = setmetatable({}, { __index = function() return f() end })\n"
			    "function f() return (('a'):gsub('a', t)) end",
		too_many);
	assert_nesting_ends("function f() return (('a'):gsub('a', function()\n"
			    "  local ok, why = pcall(f); error(why, 0) end)) end",
		too_many);
}

TEST_WITH(values_whose_texts_print_do_not_overflow_the_stack, small_stack, NULL)
{
	assert_nesting_ends("t = setmetatable({}, { __tostring = function() print(t) end })\n"
			    "function f() print(t) end",
		"s.lua:1: too many nested calls");
}

TEST_WITH(values_whose_texts_are_formatted_do_not_overflow_the_stack, small_stack, NULL)
{
	assert_nesting_ends("t = setmetatable({}, { __tostring = function()\n"
			    "  return ('%s'):format(t) .. '' end })\n"
			    "function f() return ('%s'):format(t) .. '' end",
		"s.lua:2: too many nested calls");
}

TEST_WITH(comparisons_that_sort_do_not_overflow_the_stack, small_stack, NULL)
{
	assert_nesting_ends("function f() table.sort({ 1, 2 }, f) return false end",
		"s.lua:1: too many nested calls");
	assert_nesting_ends("m = { __lt = function() f() return false end }\n"
			    "function f()\n"
			    "  table.sort{ setmetatable({}, m), setmetatable({}, m) }\n"
			    "end",
		too_many);
}

TEST_WITH(coroutines_in_coroutines_do_not_overflow_the_stack, small_stack, NULL)
{
	assert_nesting_ends(
		"function f()\n"
		"  local ok, why = coroutine.resume(coroutine.create(f)); error(why, 0)\n"
		"end",
		"s.lua:2: too many nested calls");
	assert_nesting_ends("function f()\n"
			    "  local ok, why = pcall(coroutine.wrap(f)); error(why, 0)\n"
			    "end",
		too_many);
	/* each coroutine has a stack of Lua's own, so that its bound counts anew */
	assert_nesting_ends("local depth = 0\n"
			    "t = setmetatable({}, { __tostring = function()\n"
			    "  depth = depth + 1\n"
			    "  if depth % 100 > 0 then return ('%s'):format(t) .. '' end\n"
			    "  local ok, why = pcall(coroutine.wrap(f)); error(why, 0)\n"
			    "end })\n"
			    "function f() return ('%s'):format(t) .. '' end",
		too_many);
}

TEST_WITH(members_of_arguments_that_call_again_do_not_overflow_the_stack, small_stack, NULL)
{
	assert_nesting_ends("t = setmetatable({}, { __index = function() f() end })\n"
			    "function f() sluice.fetch(t) end",
		"s.lua:2: too many nested calls");
	assert_nesting_ends("t = setmetatable({}, { __index = function() f() end })\n"
			    "function f() sluice.reply(t) end",
		"s.lua:2: too many nested calls");
}

/* What LuaJIT calls without C uses none of the thread's stack. */
TEST_WITH(calls_without_c_are_bounded_by_the_stack_of_lua, small_stack, NULL)
{
	assert_nesting_ends("function f() return f() + 1 end", "stack overflow");
	assert_nesting_ends("t = setmetatable({}, { __tostring = function()\n"
			    "  return tostring(t) .. '' end })\n"
			    "function f() return tostring(t) .. '' end",
		"stack overflow");
	assert_nesting_ends("t = setmetatable({}, { __index = function(t, k)\n"
			    "  return t[k + 1] + 1 end })\n"
			    "function f() return t[1] + 1 end",
		"stack overflow");
	assert_nesting_ends("t = setmetatable({}, { __concat = function(a, b)\n"
			    "  return a .. b end, __eq = function(a, b) return a == b end })\n"
			    "function f() return (t .. t) .. t end",
		"stack overflow");
	assert_nesting_succeeds("function f() return (pcall(f)) end");
	assert_nesting_succeeds("function f() return (xpcall(f, function(e) return e end)) end");
}

TEST_WITH(reasonable_nesting_works, small_stack, NULL)
{
	assert_nesting_succeeds("local function nest(n)\n"
				"  if n == 0 then return 'b' end\n"
				"  return (('a'):gsub('a', function() return nest(n - 1) end))\n"
				"end\n"
				"function f() assert(nest(20) == 'b') end");
	assert_nesting_succeeds("local function nest(n)\n"
				"  if n == 0 then return 'b' end\n"
				"  return coroutine.wrap(function() return nest(n - 1) end)()\n"
				"end\n"
				"function f() assert(nest(100) == 'b') end");
}

TEST_WITH(errors_that_leave_callbacks_do_not_count_as_nested, small_stack, NULL)
{
	assert_nesting_succeeds("function f()\n"
				"  for n = 1, 1000 do\n"
				"    assert(not pcall(string.gsub, 'a', 'a', error))\n"
				"    assert(not pcall(coroutine.wrap(error)))\n"
				"  end\n"
				"end");
}

TEST_WITH(guarded_functions_report_errors_as_those_of_lua, small_stack, NULL)
{
	sluice_instance *i =
		nesting("function f() local s = string.format('%d', 'x') end", "false");
	assert_fails(i, "/nest", "s.lua:1: bad argument #2 to 'format'");
	kit_stop(i);
	i = nesting("function f() table.sort(1) end", "false");
	assert_fails(i, "/nest", "s.lua:1: bad argument #1 to 'sort'");
	kit_stop(i);
	i = nesting("function f() coroutine.resume(1) end", "false");
	assert_fails(i, "/nest", "s.lua:1: bad argument #1 to 'resume'");
	kit_stop(i);
	i = nesting("function f() local g = coroutine.wrap(1) end", "false");
	assert_fails(i, "/nest", "s.lua:1: bad argument #1 to 'wrap'");
	kit_stop(i);
	i = nesting("function f() local g = coroutine.wrap(function() error('in', 0) end) g() end",
		"false");
	assert_fails(i, "/nest", "s.lua:1: in");
	kit_stop(i);
}
