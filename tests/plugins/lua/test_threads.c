/* The plugin lua in the kit: coroutines in which the gateway runs hooks are kept from scripts. */
#include "run.h"
#include "sandbox.h"
#include "script.h"

TEST_WITH(a_request_does_not_run_the_call_of_another, setup, NULL)
{
	sluice_instance *i = started("local saved\n"
				     "function on_request()\n"
				     "  if sluice.get('path') == '/a' then\n"
				     "    saved = coroutine.running()\n"
				     "    sluice.sleep(100)\n"
				     "    sluice.request.set('X-Secret', 'of a')\n"
				     "  elseif saved then\n"
				     "    coroutine.resume(saved)\n"
				     "  end\n"
				     "end");
	sluice_exchange *a = kit_request(i, "GET", "/a", NULL);
	sluice_exchange *b = kit_request(i, "GET", "/b", NULL);
	assert_int_equal(kit_verdict(a), SLUICE_WAIT);
	assert_int_equal(kit_verdict(b), SLUICE_NEXT);
	assert_null(kit_header(b, SLUICE_REQUEST, "X-Secret"));
	kit_advance(101);
	assert_int_equal(kit_verdict(a), SLUICE_NEXT);
	assert_string_equal(kit_header(a, SLUICE_REQUEST, "X-Secret"), "of a");
	kit_end(a);
	kit_end(b);
	kit_stop(i);
}

TEST_WITH(running_is_nil_outside_of_coroutines_of_the_script, setup, NULL)
{
	sluice_instance *i = started(
		"assert(coroutine.running() == nil)\n"
		"local function own(co)\n"
		"  return coroutine.running() == co and coroutine.status(co) == 'running'\n"
		"end\n"
		"local function try()\n"
		"  assert(coroutine.running() == nil)\n"
		"  assert(pcall(coroutine.running) and select('#', coroutine.running()) == 1)\n"
		"  local co = coroutine.create(own)\n"
		"  assert(coroutine.status(co) == 'suspended')\n"
		"  local ok, is_own = coroutine.resume(co, co)\n"
		"  assert(ok and is_own and coroutine.status(co) == 'dead')\n"
		"  assert(coroutine.wrap(function() return type(coroutine.running()) end)() "
		"== 'thread')\n"
		"  local t = {}\n"
		"  for v in coroutine.wrap(function(n) for k = 1, 3 do coroutine.yield(k) end end) "
		"do\n"
		"    t[#t + 1] = v end\n"
		"  assert(#t == 3 and coroutine.running() == nil)\n"
		"end\n"
		"try()\n"
		"function on_request() try() sluice.sleep(1) try() end\n"
		"function on_complete() assert(coroutine.running() == nil) end");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	kit_advance(2);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	(void)kit_log();
	kit_end(x);
	assert_string_equal(kit_log(), "");
	kit_stop(i);
}

/* ---- below what scripts can do ------------------------------------------------------------- */

static const sluice_host *real_host;
static struct run *last_run;

static void *state_seen(sluice_exchange *x, size_t n)
{
	last_run = real_host->state(x, n);
	return last_run;
}

/* The plugin's state of an exchange is for its hooks alone: look at it when they ask for it. */
static struct run *run_that_waits(sluice_instance *i, const char *path, sluice_exchange **x)
{
	sluice_host host = *sluice_host_table;
	real_host = sluice_host_table;
	host.state = state_seen;
	sluice_host_table = &host;
	*x = kit_request(i, "GET", path, NULL);
	sluice_host_table = real_host;
	assert_int_equal(kit_verdict(*x), SLUICE_WAIT);
	assert_non_null(last_run);
	return last_run;
}

/* As if a script had got hold of it in a way that nobody thought of. */
TEST_WITH(a_coroutine_of_the_gateway_is_refused_by_resume_and_status, setup, NULL)
{
	sluice_instance *i = started("box = {}\n"
				     "function on_request()\n"
				     "  local p = sluice.get('path')\n"
				     "  if p == '/a' then sluice.sleep(100) end\n"
				     "  if p == '/resume' then coroutine.resume(box[1]) end\n"
				     "  if p == '/status' then coroutine.status(box[1]) end\n"
				     "  if p == '/wrap' then coroutine.wrap(function() "
				     "coroutine.resume(box[1]) end)() end\n"
				     "  if p == '/main' then coroutine.resume(box[2]) end\n"
				     "end");
	sluice_exchange *a;
	struct run *r = run_that_waits(i, "/a", &a);
	sandbox_push_global(r->vm->L, "box");
	(void)lua_pushthread(r->co.L);
	lua_xmove(r->co.L, r->vm->L, 1);
	lua_rawseti(r->vm->L, -2, 1);
	(void)lua_pushthread(r->vm->L);
	lua_rawseti(r->vm->L, -2, 2);
	lua_settop(r->vm->L, 0);
	assert_fails(i, "/resume", "s.lua:5: this coroutine belongs to the gateway");
	assert_int_equal(verdict_of(i, "/"), SLUICE_NEXT);
	assert_int_equal(kit_verdict(a), SLUICE_NEXT); /* assert_fails() lets time pass */
	kit_end(a);
	assert_fails(i, "/status", "s.lua:6: this coroutine belongs to the gateway");
	assert_fails(i, "/wrap", "s.lua:7: this coroutine belongs to the gateway");
	assert_fails(i, "/main", "s.lua:8: this coroutine belongs to the gateway");
	kit_stop(i);
}

TEST_WITH(a_call_that_no_longer_waits_fails_instead_of_running_on, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  sluice.sleep(10)\n"
				     "end");
	sluice_exchange *x;
	struct run *r = run_that_waits(i, "/", &x);
	assert_int_equal(lua_resume(r->co.L, 0), 0); /* by somebody else, to its end */
	kit_advance(11);
	assert_int_equal(kit_verdict(x), SLUICE_FAIL);
	assert_has(kit_log(), "on_request: its coroutine does not wait any more");
	kit_end(x);
	kit_stop(i);
}
