/* The plugin lua in the kit: what a script may use and reach. */
#include "script.h"

/* ---- instructions -------------------------------------------------------------------------- */

TEST_WITH(an_endless_loop_ends, setup, NULL)
{
	static const char *const loops[] = { "while true do end",
		"local i = 0; while true do i = i + 1 end",
		"while true do pcall(function() while true do end end) end",
		"local function f() return pcall(f) end; while true do f() end",
		"local function f() return f() end; f()",
		"while true do xpcall(function() while true do end end, function() while true do "
		"end "
		"end) end",
		"local f = coroutine.wrap(function() while true do end end); f()",
		"while true do coroutine.wrap(function() while true do end end)() end",
		"repeat local s = ('x'):rep(100) until false", "for i = 1, 1e12 do end",
		"('a'):rep(5000):find(('a*'):rep(12) .. 'b')",
		"local s = ('a'):rep(5000); s:gsub(('.-'):rep(9) .. 'b', '')",
		"for _ in ('a'):rep(5000):gmatch(('a*'):rep(12) .. 'b') do end",
		"local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }); "
		"while true do pcall(function() return t[1] end) end",
		"local t = {}; for i = 1, 1000 do t[i] = i end; while true do table.sort(t, "
		"function(a, b) return a > b end) end" };
	for (size_t k = 0; k < sizeof(loops) / sizeof(loops[0]); k++) {
		char script[512];
		(void)snprintf(script, sizeof(script),
			"function on_request()\n"
			"  if sluice.get('path') == '/loop' then %s end\n"
			"end",
			loops[k]);
		sluice_instance *i = started(script);
		assert_fails(i, "/loop", "the budget of instructions is spent");
		assert_int_equal(verdict_of(i, "/"), SLUICE_NEXT); /* each call has its own */
		kit_stop(i);
	}
}

TEST_WITH(the_place_where_the_budget_was_spent_is_named, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n\n  while true do\n  end\nend");
	assert_fails(i, "/", "on_request: s.lua:3: the budget of instructions is spent");
	kit_stop(i);
}

/* How often a loop of that many rounds gets through. */
static sluice_verdict rounds(const char *instructions, unsigned n)
{
	char script[128];
	(void)snprintf(script, sizeof(script),
		"function on_request() local a = 0; for i = 1, %u do a = a + i end end", n);
	sluice_instance *i = started_with(script, "instructions", instructions);
	sluice_verdict v = verdict_of(i, "/");
	kit_stop(i);
	return v;
}

TEST_WITH(the_budget_is_the_option, setup, NULL)
{
	assert_int_equal(rounds("10000", 1000), SLUICE_NEXT);
	assert_int_equal(rounds("10000", 10000), SLUICE_FAIL);
	assert_int_equal(rounds("100000", 10000), SLUICE_NEXT);
}

TEST_WITH(the_budget_holds_over_waits, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  while true do sluice.sleep(1) end\n"
				     "end");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	kit_advance(10000);
	assert_int_equal(kit_verdict(x), SLUICE_FAIL);
	assert_has(kit_log(), "the budget of instructions is spent");
	kit_end(x);
	kit_stop(i);
	i = started_with("function on_request() while true do sluice.sleep(1) end end",
		"instructions", "1000000000");
	x = kit_request(i, "GET", "/", NULL);
	kit_advance(10000);
	assert_int_equal(kit_verdict(x), SLUICE_FAIL);
	assert_has(kit_log(), "has waited 256 times");
	kit_end(x);
	kit_stop(i);
}

/* ---- memory -------------------------------------------------------------------------------- */

TEST_WITH(memory_is_bounded_and_comes_back, setup, NULL)
{
	static const char *const eaters[] = { "local t = {}; while true do t[#t + 1] = {} end",
		"local s = 'x'; while true do s = s .. s end", "local s = ('x'):rep(1e9)",
		"local t = {}; for i = 1, 1e6 do t[i] = ('x'):rep(i) end",
		"local t = {}; while true do t[#t + 1] = coroutine.create(print) end",
		"local s = ('x'):rep(1e6); s = s:gsub('x', s)",
		"local t = {}; pcall(function() while true do t[#t + 1] = {} end end); "
		"local s = ('x'):rep(1000)" };
	for (size_t k = 0; k < sizeof(eaters) / sizeof(eaters[0]); k++) {
		char script[512];
		(void)snprintf(script, sizeof(script),
			"function on_request()\n"
			"  if sluice.get('path') == '/eat' then %s end\n"
			"  local t = {}; for i = 1, 1000 do t[i] = {} end\n"
			"end",
			eaters[k]);
		kit_file("s.lua", script);
		sluice_instance *i = kit_instance(&sluice_plugin_record, "file", "s.lua", "memory",
			"1MiB", "instructions", "100000000", NULL);
		kit_start(i);
		for (unsigned n = 0; n < 3; n++) {
			assert_fails(i, "/eat", "not enough memory");
			assert_int_equal(verdict_of(i, "/"), SLUICE_NEXT);
		}
		kit_stop(i);
	}
}

TEST_WITH(a_state_that_is_nearly_full_goes_on, setup, NULL)
{
	/* 600 KiB of 1 MiB live: the collector alone would begin only when twice that is used */
	sluice_instance *i = started_with("local kept = {}\n"
					  "for i = 1, 600 do kept[i] = ('x'):rep(1024) .. i end\n"
					  "function on_request()\n"
					  "  local t = {}\n"
					  "  for i = 1, 100 do t[i] = ('y'):rep(1024) .. i end\n"
					  "  assert(#kept == 600)\n"
					  "end",
		"memory", "1MiB");
	for (unsigned n = 0; n < 100; n++)
		assert_int_equal(verdict_of(i, "/"), SLUICE_NEXT);
	kit_stop(i);
}

TEST_WITH(a_script_without_room_for_itself_is_refused, setup, NULL)
{
	assert_refused("local t = {} for i = 1, 1e6 do t[i] = {} end function on_request() end",
		"memory", "256KiB", "not enough memory");
}

TEST_WITH(an_exchange_without_memory_fails, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  sluice.request.set('X-A', ('x'):rep(1000))\n"
				     "  sluice.ctx().a = 1; sluice.sleep(1)\n"
				     "  sluice.fetch{ url = 'http://a/', body = ('x'):rep(1000) }\n"
				     "end\nfunction on_complete() end");
	for (size_t budget = 0; budget < 6000; budget += 50) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		kit_set_budget(x, budget);
		(void)kit_run(x);
		kit_advance(100);
		kit_end(x);
	}
	assert_int_equal(verdict_of(i, "/"), SLUICE_WAIT);
	kit_stop(i);
}

/* ---- what a script cannot reach ------------------------------------------------------------ */

TEST_WITH(dangerous_parts_of_lua_are_missing, setup, NULL)
{
	sluice_instance *i = started(
		"assert(io == nil and debug == nil and package == nil and jit == nil and ffi == "
		"nil)\n"
		"assert(dofile == nil and loadfile == nil and load == nil and loadstring == nil)\n"
		"assert(getfenv == nil and setfenv == nil and newproxy == nil and module == nil)\n"
		"assert(collectgarbage == nil and gcinfo == nil and _G == nil)\n"
		"assert(os.execute == nil and os.exit == nil and os.getenv == nil)\n"
		"assert(os.rename == nil and os.tmpname == nil and os.setlocale == nil)\n"
		"assert(string.dump == nil and getmetatable('') == false and os.remove == nil)\n"
		"assert(not pcall(require, 'ffi') and not pcall(require, 'jit'))\n"
		"assert(math.random() ~= nil and os.time() > 0 and bit.band(6, 3) == 2)\n"
		"function on_request() end");
	kit_stop(i);
}

TEST_WITH(a_handler_of_xpcall_is_called_with_the_error, setup, NULL)
{
	sluice_instance *i = started(
		"function on_request()\n"
		"  local function shout(e) return e:upper(), 2 end\n"
		"  local ok, a, b = xpcall(function(x) return x, 8 end, shout, 7)\n"
		"  assert(ok == true and a == 7 and b == 8)\n"
		"  ok, a, b = xpcall(function(x) error(x, 0) end, shout, 'bad')\n"
		"  assert(ok == false and a == 'BAD' and b == 2)\n"
		"end");
	assert_int_equal(verdict_of(i, "/"), SLUICE_NEXT);
	kit_stop(i);
}

TEST_WITH(globals_are_written_while_the_script_is_loaded_alone, setup, NULL)
{
	sluice_instance *i = started("limit = 3\n"
				     "local count = 0\n"
				     "function helper() return limit end\n"
				     "function on_request()\n"
				     "  count = count + 1\n"
				     "  local p = sluice.get('path')\n"
				     "  if p == '/new' then leaked = 1 end\n"
				     "  if p == '/old' then limit = 4 end\n"
				     "  if p == '/hook' then on_request = nil end\n"
				     "  assert(leaked == nil and helper() == 3)\n"
				     "  sluice.request.set('X-V', count)\n"
				     "end");
	assert_fails(i, "/new",
		"s.lua:7: global \"leaked\" is written after the script was loaded");
	assert_fails(i, "/old", "s.lua:8: global \"limit\" is written");
	assert_fails(i, "/hook", "s.lua:9: global \"on_request\" is written");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-V"), "4"); /* shared on purpose */
	kit_end(x);
	kit_stop(i);
}
