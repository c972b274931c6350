/* The plugin lua in the kit: hooks, what scripts read and change, answers, files, bad options. */
#include "script.h"

/* ---- facts and fields ---------------------------------------------------------------------- */

TEST_WITH(a_script_reads_facts_and_fields, setup, NULL)
{
	sluice_instance *i =
		started_with("function on_request()\n"
			     "  local r, g = sluice.request, sluice.get\n"
			     "  r.set('X-All', table.concat({ g('method'), g('path'), "
			     "g('query'), g('ip'),\n"
			     "    g('query:key'), r.get('x-user') }, ' '))\n"
			     "  assert(r.get('X-None') == nil and g('tls_sni') == nil)\n"
			     "  assert(sluice.number('status') == nil)\n"
			     "  assert(sluice.repeated('query:key') == false)\n"
			     "  assert(sluice.number('client_port') == 4242)\n"
			     "end",
			"facts", "[query:key]");
	sluice_exchange *x = kit_exchange(i, "PUT", "/a/b?key=k1");
	kit_add_header(x, SLUICE_REQUEST, "X-User", "ann");
	kit_set_number(x, SLUICE_N_CLIENT_PORT, 4242);
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-All"),
		"PUT /a/b key=k1 203.0.113.7 k1 ann");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_repeated_parameter_is_noticed, setup, NULL)
{
	sluice_instance *i = started_with("function on_request()\n"
					  "  if sluice.repeated('query:key') then "
					  "sluice.refuse(400, 'twice') end\n"
					  "end",
		"facts", "[query:key]");
	assert_int_equal(verdict_of(i, "/?key=1"), SLUICE_NEXT);
	assert_int_equal(verdict_of(i, "/?key=1&key=2"), SLUICE_REPLY);
	kit_stop(i);
}

TEST_WITH(a_script_changes_fields, setup, NULL)
{
	sluice_instance *i = started(
		"function on_request()\n"
		"  local r = sluice.request\n"
		"  r.set('X-A', 'new'); r.add('X-B', '1'); r.add('X-B', 2); r.remove('X-C')\n"
		"  local seen = {}\n"
		"  for name, value in r.each() do\n"
		"    seen[#seen + 1] = name:lower() .. '=' .. value\n"
		"    r.set('X-Seen', 'changed meanwhile')\n"
		"  end\n"
		"  sluice.response.set('X-List', table.concat(seen, ' '))\n"
		"end\n"
		"function on_response()\n"
		"  sluice.response.set('X-Status', sluice.number('status'))\n"
		"  sluice.response.remove('X-Gone')\n"
		"end");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-A", "1", "X-A", "2", "X-C", "3", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-A"), "new");
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-A"), 1);
	assert_int_equal(kit_header_count(x, SLUICE_REQUEST, "X-B"), 2);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-C"));
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-List"), "x-a=new x-b=1 x-b=2");
	kit_add_header(x, SLUICE_RESPONSE, "X-Gone", "1");
	kit_set_number(x, SLUICE_N_STATUS, 207);
	assert_int_equal(kit_response(x, 207), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-Status"), "207");
	assert_null(kit_header(x, SLUICE_RESPONSE, "X-Gone"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(no_field_gets_a_line_end_or_a_nul, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  sluice.request.set('X-A', 'a\\r\\nX-B: b')\n"
				     "  sluice.request.add('X-C', 'a\\0b')\n"
				     "  sluice.request.set('X D', 'a')\n"
				     "  sluice.request.set('Content-Length', '7')\n"
				     "end");
	sluice_exchange *x = kit_request(i, "GET", "/", "X-A", "old", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_REQUEST, "X-A"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X-B"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X-C"));
	assert_null(kit_header(x, SLUICE_REQUEST, "X D"));
	assert_null(kit_header(x, SLUICE_REQUEST, "Content-Length"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(the_request_goes_elsewhere, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  sluice.target_set('/new' .. sluice.get('path'), 'a=1')\n"
				     "  sluice.query_set('b', '2 3'); sluice.query_remove('a')\n"
				     "  sluice.host_set('other.example')\n"
				     "  sluice.request.set('X-Target', sluice.get('target'))\n"
				     "end");
	sluice_exchange *x = kit_request(i, "GET", "/p", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Target"), "/new/p?b=2%203");
	kit_end(x);
	kit_stop(i);
	i = started("function on_request() sluice.target_set('/a/../b') end");
	assert_fails(i, "/", "s.lua:1: the target was not changed");
	kit_stop(i);
	i = started("function on_request() sluice.upstream_set('blue') end");
	assert_fails(i, "/", "s.lua:1: the option `upstreams` has no \"blue\"");
	kit_stop(i);
}

TEST_WITH(attributes_notes_and_the_context_of_a_request, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  sluice.attr_set('tenant', 'acme')\n"
				     "  sluice.identify('ann', 'a,b', { plan = 'gold' })\n"
				     "  sluice.note('was-here'); sluice.ctx().n = 41\n"
				     "  assert(sluice.attr('lua:tenant') == 'acme')\n"
				     "end\n"
				     "function on_response()\n"
				     "  local c = sluice.ctx(); c.n = c.n + 1\n"
				     "end\n"
				     "function on_complete()\n"
				     "  print('context', sluice.ctx().n, true)\n"
				     "end");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL), *y;
	assert_string_equal(kit_attr(x, "lua:tenant"), "acme");
	assert_string_equal(kit_attr(x, "consumer"), "ann");
	assert_string_equal(kit_attr(x, "groups"), "a,b");
	assert_string_equal(kit_attr(x, "consumer:plan"), "gold");
	assert_true(kit_noted(x, "was-here"));
	y = kit_request(i, "GET", "/", NULL);
	(void)kit_response(x, 200);
	kit_end(x);
	assert_has(kit_log(), "context 42 true");
	kit_advance(1000);
	kit_end(y);
	assert_has(kit_log(), "context 41 true");
	kit_stop(i);
}

TEST_WITH(an_identity_is_for_on_request_and_has_a_name, setup, NULL)
{
	sluice_instance *i = started("function on_request() sluice.identify('') end");
	assert_fails(i, "/", "s.lua:1: this identity cannot be had");
	kit_stop(i);
	i = started("function on_response() sluice.identify('ann') end");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_response(x, 200), SLUICE_FAIL);
	assert_has(kit_log(), "sluice.identify() is for on_request");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_compiled_script_does_the_same, setup, NULL)
{
	sluice_instance *i =
		started_with("function on_request()\n"
			     "  local n = 0; for k = 1, 10000 do n = (n + k) % 1000 end\n"
			     "  sluice.sleep(1); sluice.request.set('X-N', n)\n"
			     "end",
			"jit", "true");
	for (unsigned n = 0; n < 50; n++) {
		sluice_exchange *x = kit_request(i, "GET", "/", NULL);
		kit_advance(2);
		assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-N"), "0");
		kit_end(x);
	}
	kit_stop(i);
}

TEST_WITH(options_and_secrets_reach_the_script, setup, NULL)
{
	kit_file("s.lua",
		"local greeting = sluice.options.greeting\n"
		"function on_request()\n"
		"  sluice.request.set('X-A', greeting .. ' ' .. sluice.secrets.key)\n"
		"  assert(sluice.options.other == nil)\n"
		"end");
	sluice_instance *i = kit_instance(&sluice_plugin_record, "file", "s.lua", "options",
		"{ greeting: hello }", "secrets", "{ key: hush }", NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-A"), "hello hush");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(metrics_are_counted_and_wrong_uses_are_errors, setup, NULL)
{
	sluice_instance *i =
		started_with("function on_request()\n"
			     "  local p = sluice.get('path')\n"
			     "  sluice.metric_add('seen'); sluice.metric_add('depth', -1, 'a')\n"
			     "  sluice.metric_set('depth', 7, 'a')\n"
			     "  if p == '/less' then sluice.metric_add('seen', -1) end\n"
			     "  if p == '/set' then sluice.metric_set('seen', 1) end\n"
			     "  if p == '/none' then sluice.metric_add('none') end\n"
			     "end",
			"metrics",
			"{ seen: Requests., depth: { help: Depth., kind: gauge, label: where } }");
	assert_int_equal(verdict_of(i, "/"), SLUICE_NEXT);
	assert_fails(i, "/less", "a counter only grows");
	assert_fails(i, "/set", "cannot be set");
	assert_fails(i, "/none", "the option `metrics` has no \"none\"");
	kit_stop(i);
}

/* ---- answers ------------------------------------------------------------------------------- */

TEST_WITH(answers_end_the_call, setup, NULL)
{
	sluice_instance *i = started(
		"function on_request()\n"
		"  local p = sluice.get('path')\n"
		"  if p == '/no' then pcall(sluice.refuse, 403, 'no-way', 'Not you.') end\n"
		"  if p == '/yes' then\n"
		"    sluice.reply{ status = 201, type = 'text/x', body = 'a\\0b',\n"
		"      headers = { ['X-A'] = 'one', ['X-B'] = { '1', '2' } } }\n"
		"  end\n"
		"  if p == '/bad' then sluice.refuse(200, 'no-way') end\n"
		"  if p == '/code' then sluice.refuse(400, 'No Way') end\n"
		"  if p == '/number' then sluice.reply{ headers = { ['X-A'] = 1 } } end\n"
		"  error('not reached')\n"
		"end");
	sluice_exchange *x = kit_request(i, "GET", "/no", NULL);
	assert_int_equal(kit_status(x), 403);
	assert_string_equal(kit_code(x), "no-way");
	assert_string_equal(kit_detail(x), "Not you.");
	kit_end(x);
	x = kit_request(i, "GET", "/yes", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 201);
	assert_string_equal(kit_body(x), "a");
	kit_end(x);
	assert_fails(i, "/bad", "400 to 599");
	assert_fails(i, "/code", "a code has 1 to 64 bytes");
	assert_fails(i, "/number", "names and values have to be strings");
	assert_fails(i, "/x", "s.lua:11: not reached");
	kit_stop(i);
}

TEST_WITH(a_response_can_be_replaced, setup, NULL)
{
	sluice_instance *i = started("function on_response()\n"
				     "  sluice.reply{ status = 200, body = 'instead' }\n"
				     "end");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_response(x, 500), SLUICE_REPLY);
	assert_string_equal(kit_body(x), "instead");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(at_the_end_there_is_neither_answer_nor_waiting, setup, NULL)
{
	sluice_instance *i = started("function on_complete()\n"
				     "  local ok, why = pcall(sluice.refuse, 400, 'late')\n"
				     "  local ok2, why2 = pcall(sluice.sleep, 1)\n"
				     "  print(ok, why, ok2, why2)\n"
				     "end");
	kit_end(kit_request(i, "GET", "/", NULL));
	const char *log = kit_log();
	assert_has(log, "this hook cannot answer");
	assert_has(log, "this hook cannot wait");
	kit_stop(i);
}

/* ---- bodies -------------------------------------------------------------------------------- */

TEST_WITH(the_body_of_a_response_is_replaced, setup, NULL)
{
	sluice_instance *i = started("function on_request() sluice.response.want_body(100) end\n"
				     "function on_response_body(body)\n"
				     "  if body == 'keep' then return end\n"
				     "  if body == 'wrong' then return 7 end\n"
				     "  sluice.response.set('X-Len', #body)\n"
				     "  return body:upper() .. '!'\n"
				     "end");
	static const struct {
		const char *in, *out;
		sluice_verdict v;
	} cases[] = { { "hello", "HELLO!", SLUICE_NEXT }, { "keep", "keep", SLUICE_NEXT },
		{ "wrong", NULL, SLUICE_FAIL } };
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		sluice_exchange *x = kit_request(i, "GET", "/", NULL);
		(void)kit_response(x, 200);
		assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, cases[k].in, strlen(cases[k].in),
					 true),
			cases[k].v);
		if (cases[k].out)
			assert_string_equal(kit_body_out(x, SLUICE_RESPONSE, NULL), cases[k].out);
		kit_end(x);
	}
	kit_stop(i);
}

TEST_WITH(a_script_waits_for_the_body_of_the_request, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  local body = sluice.request.body(100)\n"
				     "  if body == 'bad' then sluice.refuse(422, 'bad-body') end\n"
				     "  sluice.request.set('X-Body', body)\n"
				     "  if body == 'swap' then sluice.request.set_body('new') end\n"
				     "  if body == 'twice' then sluice.request.set_body('1'); "
				     "sluice.request.set_body('2') end\n"
				     "end");
	static const struct {
		const char *in, *out;
		sluice_verdict v;
	} cases[] = { { "plain", "plain", SLUICE_NEXT }, { "swap", "new", SLUICE_NEXT },
		{ "bad", NULL, SLUICE_REPLY }, { "twice", NULL, SLUICE_FAIL } };
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		sluice_exchange *x = kit_request(i, "POST", "/", NULL);
		assert_int_equal(kit_verdict(x), SLUICE_WAIT);
		(void)kit_body_in(x, SLUICE_REQUEST, cases[k].in, strlen(cases[k].in), true);
		assert_int_equal(kit_verdict(x), cases[k].v);
		if (cases[k].out) {
			assert_string_equal(kit_body_out(x, SLUICE_REQUEST, NULL), cases[k].out);
			assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-Body"), cases[k].in);
		}
		kit_end(x);
	}
	kit_stop(i);
}

/* ---- modules and files --------------------------------------------------------------------- */

TEST_WITH(modules_come_from_their_folder_alone, setup, NULL)
{
	kit_file("lua/text/shout.lua",
		"local M = {}\n"
		"function M.shout(s) return s:upper() end\n"
		"return M");
	kit_file("lua/loop.lua", "return require('loop')");
	const char *good = "local t = require('text.shout')\n"
			   "assert(t == require('text.shout'))\n"
			   "function on_request() sluice.request.set('X-A', t.shout('hi'))\n"
			   "  if sluice.get('path') == '/late' then require('other') end end";
	sluice_instance *i = started_with(good, "modules", "lua");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "X-A"), "HI");
	kit_end(x);
	assert_fails(i, "/late", "is required after the script was loaded");
	kit_stop(i);
	assert_refused(good, NULL, NULL, "the option `modules` names no folder");
	assert_refused("require('none')", "modules", "lua", "cannot read lua/none.lua");
	assert_refused("require('loop')", "modules", "lua", "module \"loop\" requires itself");
	static const char *const bad[] = { "..a", "a..b", "a/b", "a.", "", "a\\0b" };
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		char script[64];
		(void)snprintf(script, sizeof(script), "require('%s')", bad[k]);
		assert_refused(script, "modules", "lua", "this is no name of a module");
	}
}

static const char *field_of(sluice_instance *i)
{
	static char text[64];
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	const char *value = kit_header(x, SLUICE_REQUEST, "X-V");
	(void)snprintf(text, sizeof(text), "%s", value ? value : "none");
	kit_end(x);
	return text;
}

TEST_WITH(a_changed_file_is_used_and_a_wrong_one_is_not, setup, NULL)
{
	kit_file("m/v.lua", "return '1'");
	const char *script = "local v = require('v')\n"
			     "function on_request() sluice.request.set('X-V', v) end";
	sluice_instance *i = started_with(script, "modules", "m");
	assert_string_equal(field_of(i), "1");
	sluice_exchange *old = kit_request(i, "GET", "/", NULL);
	kit_file("m/v.lua", "return '2'");
	kit_advance(11000);
	assert_string_equal(field_of(i), "2");
	assert_has(kit_log(), "the script has changed");
	kit_end(old); /* it had the state of before */
	kit_file("s.lua", "function on_request() sluice.request.set('X-V', '3' end");
	kit_advance(11000);
	assert_string_equal(field_of(i), "2");
	assert_has(kit_log(), "s.lua:1: ')' expected");
	kit_file("s.lua",
		"require('late') function on_request() sluice.request.set('X-V', '4') end");
	kit_advance(11000);
	assert_string_equal(field_of(i), "2");
	kit_file("m/late.lua", "return true"); /* what was missing is watched too */
	kit_advance(21000);
	assert_string_equal(field_of(i), "4");
	kit_stop(i);
}

TEST_WITH(a_request_ends_with_the_script_that_it_began_with, setup, NULL)
{
	sluice_instance *i = started("function on_request() end\n"
				     "function on_response() sluice.response.set('X-V', '1') end");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	kit_file("s.lua", "function on_response() sluice.response.set('X-V', '2') end");
	kit_advance(11000);
	sluice_exchange *y = kit_request(i, "GET", "/", NULL);
	(void)kit_response(x, 200);
	(void)kit_response(y, 200);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "X-V"), "1");
	assert_string_equal(kit_header(y, SLUICE_RESPONSE, "X-V"), "2");
	kit_end(x);
	kit_end(y);
	kit_stop(i);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

TEST_WITH(mistakes_are_reported_with_their_line, setup, NULL)
{
	assert_refused("function on_request()\n  x = = 1\nend", NULL, NULL, "file: s.lua:2: ");
	assert_refused("\n\nerror('at the top')", NULL, NULL, "s.lua:3: at the top");
	assert_refused("local a", NULL, NULL, "the script defines none of on_request");
	assert_refused("function on_requst() end", NULL, NULL, "there is no hook on_requst");
	assert_refused("on_request = 7", NULL, NULL, "on_request is no function");
	assert_refused("sluice.note('x')", NULL, NULL, "can be called in a hook only");
	assert_refused("while true do end", NULL, NULL, "the budget of instructions is spent");
	assert_refused("\x1bLJ\x02", NULL, NULL, "attempt to load");
	assert_refused("function on_request() end", "script", "x", "either file or script");
	kit_file("s.lua", NULL);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "file", "none.lua", NULL);
	assert_int_equal(kit_check(i), -1);
	assert_has(kit_errors(i), "cannot read none.lua");
	kit_stop(i);
	i = kit_instance(&sluice_plugin_record, "script", "function on_request() x() end", NULL);
	kit_start(i);
	assert_fails(i, "/", "on_request: script:1: attempt to call global 'x'");
	kit_stop(i);
}

TEST_WITH(an_unknown_name_is_an_error_in_the_script, setup, NULL)
{
	sluice_instance *i = started("function on_request()\n"
				     "  local p = sluice.get('path')\n"
				     "  if p == '/fact' then sluice.get('pth') end\n"
				     "  if p == '/listed' then sluice.get('query:a') end\n"
				     "  if p == '/number' then sluice.number('stat') end\n"
				     "  if p == '/table' then error({}) end\n"
				     "  if p == '/nil' then sluice.request.set('X-A', nil) end\n"
				     "end");
	assert_fails(i, "/fact", "s.lua:3: there is no fact \"pth\"");
	assert_fails(i, "/listed", "listed by the option `facts`");
	assert_fails(i, "/number", "s.lua:5: there is no number \"stat\"");
	assert_fails(i, "/table", "on_request: an error that is no text");
	assert_fails(i, "/nil", "s.lua:7: bad argument #2 to 'set' (string expected, got nil)");
	kit_stop(i);
}
