/* The plugin lua in the kit: scripts that wait. */
#include "script.h"

TEST_WITH(requests_that_sleep_do_not_meet, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  local mine = sluice.get('path')\n"
				     "  for n = 1, 3 do sluice.sleep(10) end\n"
				     "  assert(mine == sluice.get('path'))\n"
				     "  sluice.request.set('X-Mine', mine)\n"
				     "end");
	sluice_exchange *a = kit_request(i, "GET", "/a", NULL);
	kit_advance(5);
	sluice_exchange *b = kit_request(i, "GET", "/b", NULL);
	assert_int_equal(kit_verdict(a), SLUICE_WAIT);
	kit_advance(26);
	assert_int_equal(kit_verdict(a), SLUICE_NEXT);
	assert_int_equal(kit_verdict(b), SLUICE_WAIT);
	kit_advance(10);
	assert_int_equal(kit_verdict(b), SLUICE_NEXT);
	assert_string_equal(kit_header(a, SLUICE_REQUEST, "X-Mine"), "/a");
	assert_string_equal(kit_header(b, SLUICE_REQUEST, "X-Mine"), "/b");
	kit_end(a);
	kit_end(b);
	kit_stop(i);
}

TEST_WITH(a_wait_may_stand_in_pcall_and_in_loops_of_iterators, setup, NULL)
{
	sluice_instance *i = started(
		"function on_request()\n"
		"  local ok, v = pcall(function() sluice.sleep(1); return 7 end)\n"
		"  local no, why = pcall(function() sluice.sleep(1); error('e') end)\n"
		"  for k in pairs({ 1, 2 }) do sluice.sleep(1) end\n"
		"  sluice.request.set('X-V', tostring(ok) .. v .. tostring(no))\n"
		"end");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	kit_advance(10);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-V"), "true7false");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_client_that_leaves_frees_the_coroutine, setup, NULL)
{
	sluice_instance *i = started_with("function on_request()\n"
					  "  local big = ('x'):rep(20000) .. sluice.get('path')\n"
					  "  sluice.sleep(1000)\n"
					  "  sluice.request.set('X-V', #big)\n"
					  "end",
		"memory", "512KiB");
	for (unsigned n = 0; n < 500; n++) {
		sluice_exchange *x = kit_request(i, "GET", "/", NULL);
		assert_int_equal(kit_verdict(x), SLUICE_WAIT);
		kit_end(x);
	}
	kit_stop(i);
}

TEST_WITH(many_wait_at_once, setup, NULL)
{
	enum { MANY = 100 };
	sluice_exchange *x[MANY];
	sluice_instance *i = started("function on_request()\n"
				     "  local n = sluice.get('path')\n"
				     "  sluice.sleep(100); sluice.request.set('X-V', n)\n"
				     "end");
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned n = 0; n < MANY; n++) {
			char path[16];
			(void)snprintf(path, sizeof(path), "/%u", n);
			x[n] = kit_request(i, "GET", path, NULL);
		}
		kit_advance(101);
		for (unsigned n = 0; n < MANY; n++) {
			char path[16];
			(void)snprintf(path, sizeof(path), "/%u", n);
			assert_string_equal(kit_header(x[n], SLUICE_REQUEST, "X-V"), path);
			kit_end(x[n]);
		}
	}
	kit_stop(i);
}

TEST_WITH(waits_that_cannot_be, setup, NULL)
{
	sluice_instance *i = started(
		"function on_request()\n"
		"  local p = sluice.get('path')\n"
		"  if p == '/yield' then coroutine.yield() end\n"
		"  if p == '/own' then\n"
		"    local ok, why = coroutine.resume(coroutine.create(function() sluice.sleep(1) "
		"end))\n"
		"    error(why)\n"
		"  end\n"
		"  if p == '/gsub' then ('x'):gsub('x', function() sluice.sleep(1) end) end\n"
		"  if p == '/redis' then sluice.redis('GET', 'a') end\n"
		"  if p == '/url' then sluice.fetch{} end\n"
		"  if p == '/ms' then sluice.sleep(-1) end\n"
		"  if p == '/nan' then sluice.sleep(0/0) end\n"
		"end");
	assert_fails(i, "/yield", "coroutine.yield() is called outside of a coroutine");
	assert_fails(i, "/own", "s.lua:5: sluice.sleep() cannot be called in a coroutine");
	assert_fails(i, "/gsub", "attempt to yield across C-call boundary");
	assert_fails(i, "/redis", "the option `store` is not given");
	assert_fails(i, "/url", "url is missing");
	assert_fails(i, "/ms", "0 to 600000 milliseconds");
	assert_fails(i, "/nan", "0 to 600000 milliseconds");
	kit_stop(i);
}

/* ---- fetches ------------------------------------------------------------------------------- */

static const char fetching[] =
	"function on_request()\n"
	"  local r, why = sluice.fetch{ url = 'http://idp/' .. sluice.get('path'),\n"
	"    method = 'POST', headers = { ['X-A'] = { '1', '2' } }, body = 'b' }\n"
	"  if not r then sluice.refuse(503, 'idp-down', why) end\n"
	"  sluice.request.set('X-V', r.status .. ' ' .. r.body .. ' '\n"
	"    .. tostring(r.headers['x-tag']))\n"
	"end";

TEST_WITH(a_fetch_answers, setup, NULL)
{
	sluice_instance *i = started(fetching);
	kit_fetch_answer("http://idp//a", 404, "body");
	kit_fetch_field("X-Tag", "one");
	kit_fetch_field("x-tag", "two");
	sluice_exchange *x = kit_request(i, "GET", "/a", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	kit_advance(10);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-V"), "404 body one, two");
	kit_end(x);
	kit_fetch_fail("http://idp//b", SLUICE_TIMEOUT);
	x = kit_request(i, "GET", "/b", NULL);
	kit_advance(10000);
	assert_string_equal(kit_code(x), "idp-down");
	assert_true(strlen(kit_detail(x)) > 0);
	kit_end(x);
	x = kit_request(i, "GET", "/c", NULL); /* the client leaves first */
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_fetch_that_fails_at_once_resumes_the_script, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  for n = 1, 100 do\n"
				     "    local r, why = sluice.fetch{ url = 'no url' }\n"
				     "    assert(r == nil and #why > 0)\n"
				     "  end\n"
				     "  sluice.request.set('X-V', 'through')\n"
				     "end");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-V"), "through");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_body_too_large_for_the_script_fails_the_call_alone, setup, NULL)
{
	static char large[400 * 1024];
	memset(large, 'x', sizeof(large) - 1);
	sluice_instance *i = started_with(fetching, "memory", "256KiB");
	kit_fetch_answer("http://idp//large", 200, large);
	kit_fetch_answer("http://idp//small", 200, "s");
	for (unsigned n = 0; n < 3; n++) {
		sluice_exchange *x = kit_request(i, "GET", "/large", NULL);
		kit_advance(1000);
		assert_true(kit_verdict(x) == SLUICE_FAIL || kit_verdict(x) == SLUICE_REPLY);
		kit_end(x);
		x = kit_request(i, "GET", "/small", NULL);
		kit_advance(1000);
		assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-V"), "200 s nil");
		kit_end(x);
	}
	kit_stop(i);
}

/* ---- the store ----------------------------------------------------------------------------- */

static sluice_status reply(void *ctx, const kit_call *call, sluice_value *out)
{
	static const sluice_value two[] = { { .type = SLUICE_V_INT, .i = 7 },
		{ .type = SLUICE_V_NIL }, { .type = SLUICE_V_STR, .s = { "s", 1 } } };
	static char text[16]; /* the arguments do not live until the reply is read */
	sluice_str last = call->args[call->nargs - 1], kept = { text, last.len };
	(void)ctx;
	assert_true(last.len < sizeof(text));
	memcpy(text, last.data, last.len);
	if (sluice_str_is(call->args[0], "DOWN"))
		return SLUICE_UNREACHABLE;
	if (sluice_str_is(call->args[0], "WRONG")) {
		*out = (sluice_value){ .type = SLUICE_V_STR, .s = { "ERR no", 6 } };
		return SLUICE_ERROR;
	}
	if (sluice_str_is(call->args[0], "LIST"))
		*out = (sluice_value){ .type = SLUICE_V_LIST, .v = two, .n = 3 };
	else if (sluice_str_is(call->args[0], "NONE"))
		*out = (sluice_value){ .type = SLUICE_V_NIL };
	else
		*out = (sluice_value){ .type = SLUICE_V_STR, .s = kept };
	return SLUICE_OK;
}

TEST_WITH(commands_of_a_store, setup, NULL)
{
	sluice_store *s = kit_store("cache", SLUICE_STORE_REDIS);
	kit_store_handle(s, reply, NULL);
	sluice_instance *i = started_with(
		"function on_request()\n"
		"  assert(sluice.redis('SET', 'k', 5) == '5')\n"
		"  assert(sluice.redis('NONE') == false)\n"
		"  local l = sluice.redis('LIST')\n"
		"  assert(l[1] == 7 and l[2] == false and l[3] == 's')\n"
		"  local v, why = sluice.redis('WRONG'); assert(v == nil and #why > 0)\n"
		"  local v, why = sluice.redis('DOWN')\n"
		"  sluice.request.set('X-V', why)\n"
		"end",
		"store", "cache");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	kit_advance(100);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-V"), "the store cannot be reached");
	kit_end(x);
	kit_store_delay(s, 0);
	x = kit_request(i, "GET", "/", NULL); /* answers before the service returns */
	kit_advance(1);
	assert_int_not_equal(kit_verdict(x), SLUICE_WAIT);
	kit_end(x);
	kit_stop(i);
	kit_store("cells", SLUICE_STORE_MEMORY);
	assert_refused("function on_request() end", "store", "cells", "must be a Redis store");
}
