/* Guarded functions of Lua's libraries: see guard.h. */
#include "guard.h"

#include "sandbox.h"

/* ---- what the guarded functions call ------------------------------------------------------- */

/* Level 1 would be the guarded function, which the script has called. */
static int check_depth(lua_State *L)
{
	vm_check_stack(L, 2);
	return 0;
}

/* ---- the guarded functions ----------------------------------------------------------------- */

/* The functions of Lua are called last, and so report errors at the line of the script. */
static const char source[] =
	"local check_depth, coroutine, string, table, type = ...\n"
	"local wrap = coroutine.wrap\n"
	"local function guarded(f) return function(...) check_depth() return f(...) end end\n"
	"coroutine.resume = guarded(coroutine.resume)\n"
	"function coroutine.wrap(f)\n"
	"  if type(f) == 'function' then return guarded(wrap(f)) end\n"
	"  return wrap(f)\n"
	"end\n"
	"string.format = guarded(string.format)\n"
	"table.sort = guarded(table.sort)\n";

void guard_open(lua_State *L)
{
	if (luaL_loadbuffer(L, source, sizeof(source) - 1, "=guard") != 0)
		lua_error(L);
	lua_pushcfunction(L, check_depth);
	sandbox_push_global(L, "coroutine");
	sandbox_push_global(L, "string");
	sandbox_push_global(L, "table");
	sandbox_push_global(L, "type");
	lua_call(L, 5, 0);
}
