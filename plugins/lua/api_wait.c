/* The table `sluice`: what takes time. Each function says what it wants and yields; run.c calls the
 * service, because its callback may come at once, and resumes the coroutine with the result. What
 * services are given is copied into the memory of the exchange, since the stack of a coroutine does
 * not keep it. */
#include "api.h"

enum { ARGUMENTS_MAX = 64 };

static struct run *waiting(lua_State *L, const char *name)
{
	struct run *r = api_run(L);
	const char *why = run_cannot_wait(L, r);
	if (why)
		luaL_error(L, "sluice.%s() %s", name, why);
	return r;
}

static sluice_str keep(lua_State *L, sluice_str s)
{
	char *copy = api_alloc(L, s.len);
	return sluice_str_n(copy, (size_t)(sluice_str_put(copy, s) - copy));
}

/* sluice.sleep(ms) */
static int api_sleep(lua_State *L)
{
	struct run *r = waiting(L, "sleep");
	lua_Number ms = luaL_checknumber(L, 1);
	luaL_argcheck(L, ms >= 0 && ms <= 600000, 1, "0 to 600000 milliseconds");
	r->want = (struct want){ .kind = WANT_SLEEP, .ms = (uint64_t)ms };
	return lua_yield(L, 0);
}

/* ---- fetch --------------------------------------------------------------------------------- */

static sluice_str text_member(lua_State *L, const char *name)
{
	sluice_str s = SLUICE_STR_NONE;
	lua_getfield(L, 1, name);
	if (!lua_isnil(L, -1) && !lua_isstring(L, -1))
		luaL_error(L, "%s is no string", name);
	if (!lua_isnil(L, -1))
		s = keep(L, api_str(L, -1));
	lua_pop(L, 1);
	return s;
}

static uint64_t number_member(lua_State *L, const char *name, uint64_t standard, lua_Number max)
{
	lua_getfield(L, 1, name);
	lua_Number n = luaL_optnumber(L, -1, (lua_Number)standard);
	if (!(n >= 1 && n <= max))
		luaL_error(L, "%s is not 1 to %f", name, max);
	lua_pop(L, 1);
	return (uint64_t)n;
}

static sluice_pairs headers_member(lua_State *L)
{
	lua_getfield(L, 1, "headers");
	sluice_pairs p = api_pairs(L, lua_gettop(L));
	sluice_pair *v = (sluice_pair *)(uintptr_t)p.v;
	for (size_t i = 0; i < p.n; i++)
		v[i] = (sluice_pair){ keep(L, v[i].name), keep(L, v[i].value) };
	lua_pop(L, 1);
	return p;
}

/* sluice.fetch{ url =, method =, headers =, body =, timeout =, max =, upstream = } */
static int api_fetch(lua_State *L)
{
	struct run *r = waiting(L, "fetch");
	luaL_checktype(L, 1, LUA_TTABLE);
	vm_check_stack(L, 1); /* members may be computed by functions */
	sluice_fetch_request f = { .size = sizeof(f),
		.method = text_member(L, "method"),
		.url = text_member(L, "url"),
		.headers = headers_member(L),
		.body = text_member(L, "body"),
		.timeout_ms = number_member(L, "timeout", r->vm->conf->timeout, 600000),
		.max_body = number_member(L, "max", r->vm->conf->max_body, 1 << 30) };
	if (!f.url.len)
		return luaL_error(L, "url is missing");
	lua_getfield(L, 1, "upstream");
	if (!lua_isnil(L, -1))
		f.upstream = api_upstream(L, -1);
	r->want = (struct want){ .kind = WANT_FETCH, .fetch = f };
	return lua_yield(L, 0);
}

/* ---- store --------------------------------------------------------------------------------- */

/* sluice.redis("SET", key, value, "EX", 60) */
static int api_redis(lua_State *L)
{
	struct run *r = waiting(L, "redis");
	int n = lua_gettop(L);
	if (!r->vm->conf->store)
		return luaL_error(L, "the option `store` is not given");
	luaL_argcheck(L, n >= 1 && n <= ARGUMENTS_MAX, n, "a command has 1 to 64 words");
	sluice_str *argv = api_alloc(L, (size_t)n * sizeof(*argv));
	for (int i = 0; i < n; i++)
		argv[i] = keep(L, api_str(L, i + 1));
	r->want = (struct want){ .kind = WANT_STORE,
		.argv = argv,
		.argc = (size_t)n,
		.ms = r->vm->conf->timeout };
	return lua_yield(L, 0);
}

void api_open_wait(lua_State *L)
{
	static const luaL_Reg functions[] = { { "sleep", api_sleep }, { "fetch", api_fetch },
		{ "redis", api_redis }, { NULL, NULL } };
	luaL_register(L, NULL, functions);
}
