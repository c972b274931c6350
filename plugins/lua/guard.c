/* Guarded functions of Lua's libraries: see guard.h. */
#include "guard.h"

#include "sandbox.h"

/* Its address is the key of the registry for the table of the host's coroutines: they are its
 * keys, and it does not keep them alive. */
static const char hosts_key;

static void push_hosts(lua_State *L)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t)&hosts_key);
	lua_rawget(L, LUA_REGISTRYINDEX);
}

static void make_hosts(lua_State *L)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t)&hosts_key);
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "k");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_rawset(L, LUA_REGISTRYINDEX);
}

void guard_mark_host(lua_State *L)
{
	push_hosts(L);
	lua_pushvalue(L, -2);
	lua_pushboolean(L, 1);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

static bool is_host(lua_State *L, int index)
{
	lua_pushvalue(L, index);
	push_hosts(L);
	lua_insert(L, -2);
	lua_rawget(L, -2);
	bool is = lua_toboolean(L, -1);
	lua_pop(L, 2);
	return is;
}

/* ---- what the guarded functions call ------------------------------------------------------- */

/* Level 1 would be the guarded function, which the script has called. */
static int check_depth(lua_State *L)
{
	vm_check_stack(L, 2);
	return 0;
}

/* (what should be a coroutine) */
static int check_owner(lua_State *L)
{
	if (lua_isthread(L, 1) && is_host(L, 1)) {
		luaL_where(L, 2);
		lua_pushliteral(L, "this coroutine belongs to the gateway");
		lua_concat(L, 2);
		return lua_error(L);
	}
	return 0;
}

/* coroutine.running(): nil where the script runs in none of its own */
static int running(lua_State *L)
{
	(void)lua_pushthread(L);
	if (is_host(L, lua_gettop(L)))
		lua_pushnil(L);
	return 1;
}

/* ---- the guarded functions ----------------------------------------------------------------- */

/* The functions of Lua are called last, and so report errors at the line of the script. */
static const char source[] =
	"local check_depth, check_owner, coroutine, string, table, type = ...\n"
	"local resume, status, wrap = coroutine.resume, coroutine.status, coroutine.wrap\n"
	"local function guarded(f) return function(...) check_depth() return f(...) end end\n"
	"function coroutine.resume(...) check_owner(...) check_depth() return resume(...) end\n"
	"function coroutine.status(...) check_owner(...) return status(...) end\n"
	"function coroutine.wrap(f)\n"
	"  if type(f) == 'function' then return guarded(wrap(f)) end\n"
	"  return wrap(f)\n"
	"end\n"
	"string.format = guarded(string.format)\n"
	"table.sort = guarded(table.sort)\n";

void guard_open(lua_State *L)
{
	make_hosts(L);
	(void)lua_pushthread(L);
	guard_mark_host(L);
	lua_pop(L, 1);
	if (luaL_loadbuffer(L, source, sizeof(source) - 1, "=guard") != 0)
		lua_error(L);
	lua_pushcfunction(L, check_depth);
	lua_pushcfunction(L, check_owner);
	sandbox_push_global(L, "coroutine");
	lua_pushcfunction(L, running);
	lua_setfield(L, -2, "running");
	sandbox_push_global(L, "string");
	sandbox_push_global(L, "table");
	sandbox_push_global(L, "type");
	lua_call(L, 6, 0);
}
