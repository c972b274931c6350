/* The table `sluice`: arguments, and what needs no exchange. See api.h. */
#include "api.h"

#include "sandbox.h"

/* ---- arguments ----------------------------------------------------------------------------- */

struct run *api_run(lua_State *L)
{
	struct run *r = vm_of(L)->running;
	if (!r)
		luaL_error(L, "this can be called in a hook only, not while the script is loaded");
	return r;
}

sluice_exchange *api_exchange(lua_State *L)
{
	return api_run(L)->x;
}

sluice_str api_str(lua_State *L, int index)
{
	sluice_str s;
	s.data = luaL_checklstring(L, index, &s.len);
	return s;
}

sluice_str api_str_or_none(lua_State *L, int index)
{
	return lua_isnoneornil(L, index) ? SLUICE_STR_NONE : api_str(L, index);
}

void api_push(lua_State *L, sluice_str s)
{
	if (s.data)
		lua_pushlstring(L, s.data, s.len);
	else
		lua_pushnil(L);
}

void *api_alloc(lua_State *L, size_t n)
{
	void *p = sluice_alloc(api_exchange(L), n ? n : 1);
	if (!p)
		luaL_error(L, "the memory of the request is spent");
	return p;
}

/* Names and values are left alone as they are: a conversion in a table would disturb its
 * traversal. */
static sluice_str pair_text(lua_State *L, int index)
{
	sluice_str s;
	if (lua_type(L, index) != LUA_TSTRING)
		luaL_error(L, "names and values have to be strings");
	s.data = lua_tolstring(L, index, &s.len);
	return s;
}

/* The value on top of the stack, with the name below it. v NULL: count alone. */
static size_t pair_add(lua_State *L, sluice_pair *v, size_t at)
{
	sluice_str name = pair_text(L, -2);
	if (!lua_istable(L, -1)) {
		if (v)
			v[at] = (sluice_pair){ name, pair_text(L, -1) };
		return at + 1;
	}
	size_t n = lua_objlen(L, -1);
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		if (v)
			v[at + i] = (sluice_pair){ name, pair_text(L, -1) };
		lua_pop(L, 1);
	}
	return at + n;
}

static size_t pairs_walk(lua_State *L, int index, sluice_pair *v)
{
	size_t n = 0;
	lua_pushnil(L);
	while (lua_next(L, index)) {
		n = pair_add(L, v, n);
		lua_pop(L, 1);
	}
	return n;
}

sluice_pairs api_pairs(lua_State *L, int index)
{
	if (lua_isnoneornil(L, index))
		return (sluice_pairs){ NULL, 0 };
	luaL_checktype(L, index, LUA_TTABLE);
	size_t n = pairs_walk(L, index, NULL);
	sluice_pair *v = api_alloc(L, n * sizeof(*v));
	return (sluice_pairs){ v, pairs_walk(L, index, v) };
}

const sluice_upstream *api_upstream(lua_State *L, int index)
{
	const struct lua_conf *c = vm_of(L)->conf;
	const struct lua_upstream *v = c->upstreams.v;
	sluice_str name = api_str(L, index);
	for (size_t i = 0; i < c->upstreams.n; i++) {
		if (sluice_str_eq(v[i].name, name))
			return v[i].upstream;
	}
	luaL_error(L, "the option `upstreams` has no \"%s\"", name.data);
	return NULL;
}

/* ---- log, time, metrics -------------------------------------------------------------------- */

static void write_log(lua_State *L, sluice_log_level level, sluice_str text)
{
	struct vm *vm = vm_of(L);
	int n = text.len < REPORT ? (int)text.len : REPORT;
	if (vm->running)
		sluice_log_for(vm->running->x, level, "%.*s", n, text.data);
	else
		sluice_log(vm->conf->inst, level, "%.*s", n, text.data);
}

static int api_log(lua_State *L)
{
	static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
	int level = luaL_checkoption(L, 1, NULL, levels);
	write_log(L, (sluice_log_level)level, api_str(L, 2));
	return 0;
}

static int api_print(lua_State *L)
{
	int n = lua_gettop(L);
	luaL_Buffer b;
	vm_check_stack(L, 1);
	luaL_buffinit(L, &b);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		lua_getfield(L, lua_upvalueindex(1), "tostring");
		lua_pushvalue(L, i);
		lua_call(L, 1, 1);
		if (!lua_isstring(L, -1))
			return luaL_error(L, "tostring() returned no string");
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	write_log(L, SLUICE_LOG_INFO, api_str(L, -1));
	return 0;
}

static int api_now(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)sluice_now_ns() / 1e9);
	return 1;
}

static int api_unix_ms(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)sluice_unix_ms());
	return 1;
}

static const struct lua_metric *metric_of(lua_State *L, int32_t kind)
{
	const struct lua_conf *c = vm_of(L)->conf;
	const struct lua_metric *v = c->metrics.v;
	sluice_str name = api_str(L, 1);
	(void)api_run(L);
	for (size_t i = 0; i < c->metrics.n; i++) {
		if (!sluice_str_eq(v[i].name, name))
			continue;
		if (kind == SLUICE_METRIC_GAUGE && v[i].kind != kind)
			luaL_error(L, "metric \"%s\" is a counter, which cannot be set", name.data);
		return &v[i];
	}
	luaL_error(L, "the option `metrics` has no \"%s\"", name.data);
	return NULL;
}

static int api_metric_add(lua_State *L)
{
	const struct lua_metric *m = metric_of(L, SLUICE_METRIC_COUNTER);
	lua_Number n = luaL_optnumber(L, 2, 1);
	luaL_argcheck(L, n >= -1e15 && n <= 1e15, 2, "the number is too large");
	luaL_argcheck(L, n >= 0 || m->kind == SLUICE_METRIC_GAUGE, 2, "a counter only grows");
	sluice_metric_add(m->metric, api_str_or_none(L, 3), (int64_t)n);
	return 0;
}

static int api_metric_set(lua_State *L)
{
	const struct lua_metric *m = metric_of(L, SLUICE_METRIC_GAUGE);
	lua_Number n = luaL_checknumber(L, 2);
	luaL_argcheck(L, n >= -1e15 && n <= 1e15, 2, "the number is too large");
	sluice_metric_set(m->metric, api_str_or_none(L, 3), (int64_t)n);
	return 0;
}

/* ---- the table ----------------------------------------------------------------------------- */

static void push_options(lua_State *L, const sluice_pairs *pairs)
{
	lua_newtable(L);
	for (size_t i = 0; i < pairs->n; i++) {
		api_push(L, pairs->v[i].name);
		api_push(L, pairs->v[i].value);
		lua_rawset(L, -3);
	}
}

void api_open(lua_State *L)
{
	static const luaL_Reg functions[] = { { "log", api_log }, { "now", api_now },
		{ "unix_ms", api_unix_ms }, { "metric_add", api_metric_add },
		{ "metric_set", api_metric_set }, { NULL, NULL } };
	const struct lua_conf *c = vm_of(L)->conf;
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	push_options(L, &c->options);
	lua_setfield(L, -2, "options");
	push_options(L, &c->secrets);
	lua_setfield(L, -2, "secrets");
	api_open_exchange(L);
	api_open_fields(L);
	api_open_answer(L);
	api_open_wait(L);
	sandbox_set_global(L, "sluice");
	lua_pushvalue(L, LUA_GLOBALSINDEX);
	lua_pushcclosure(L, api_print, 1);
	sandbox_set_global(L, "print");
}
