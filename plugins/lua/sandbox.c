/* What a script sees of Lua: see sandbox.h. */
#include "sandbox.h"

#include <lualib.h>
#include <stdio.h>
#include <sys/random.h>

#include "guard.h"
#include "pattern.h"

/* Their addresses are keys of the registry: the table of globals, the view of it that functions
 * have as their environment, and the values of modules. */
static const char globals_key, view_key, modules_key;

static void push_of(lua_State *L, const void *key)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t)key);
	lua_rawget(L, LUA_REGISTRYINDEX);
}

static void set_of(lua_State *L, const void *key)
{
	lua_pushlightuserdata(L, (void *)(uintptr_t)key);
	lua_insert(L, -2);
	lua_rawset(L, LUA_REGISTRYINDEX);
}

/* ---- globals ------------------------------------------------------------------------------- */

/* __newindex of the view: (view, name, value) */
static int write_global(lua_State *L)
{
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
	if (vm_of(L)->is_loaded)
		return luaL_error(L,
			"global \"%s\" is written after the script was loaded; write `local %s` if "
			"it belongs to this call, and `local %s` at the top of the script if all "
			"requests are to share it",
			name, name, name);
	lua_rawset(L, lua_upvalueindex(1));
	return 0;
}

/* The view is empty, so that each write comes to write_global(). */
static void make_view(lua_State *L)
{
	lua_newtable(L);
	lua_createtable(L, 0, 3);
	push_of(L, &globals_key);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, "__index");
	lua_pushcclosure(L, write_global, 1);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	set_of(L, &view_key);
}

void sandbox_set_global(lua_State *L, const char *name)
{
	push_of(L, &globals_key);
	lua_insert(L, -2);
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
}

void sandbox_push_global(lua_State *L, const char *name)
{
	push_of(L, &globals_key);
	lua_getfield(L, -1, name);
	lua_remove(L, -2);
}

/* ---- libraries ----------------------------------------------------------------------------- */

/* Open a library of Lua's (NULL: it is open), and make a table of those of its functions that
 * scripts may have. */
static void open_some(lua_State *L, lua_CFunction open, const char *library, const char *global,
	const char *const *names)
{
	if (open) {
		lua_pushcfunction(L, open);
		lua_pushstring(L, library);
		lua_call(L, 1, 0);
	}
	lua_getfield(L, LUA_GLOBALSINDEX, *library ? library : "_G");
	if (global)
		lua_newtable(L);
	else
		push_of(L, &globals_key);
	for (; *names; names++) {
		lua_getfield(L, -2, *names);
		lua_setfield(L, -2, *names);
	}
	if (global)
		sandbox_set_global(L, global);
	else
		lua_pop(L, 1);
	lua_pop(L, 1);
}

static const char *const base_names[] = { "assert", "error", "getmetatable", "ipairs", "next",
	"pairs", "pcall", "rawequal", "rawget", "rawset", "select", "setmetatable", "tonumber",
	"tostring", "type", "unpack", "_VERSION", NULL };
static const char *const coroutine_names[] = { "create", "resume", "running", "status", "wrap",
	"yield", "isyieldable", NULL };
static const char *const math_names[] = { "abs", "acos", "asin", "atan", "atan2", "ceil", "cos",
	"cosh", "deg", "exp", "floor", "fmod", "frexp", "huge", "ldexp", "log", "log10", "max",
	"min", "modf", "pi", "pow", "rad", "random", "sin", "sinh", "sqrt", "tan", "tanh", NULL };
static const char *const table_names[] = { "concat", "insert", "maxn", "remove", "sort", "move",
	NULL };
static const char *const bit_names[] = { "arshift", "band", "bnot", "bor", "bswap", "bxor",
	"lshift", "rol", "ror", "rshift", "tobit", "tohex", NULL };
static const char *const os_names[] = { "clock", "date", "difftime", "time", NULL };

/* The table of methods of strings is the library itself. */
static void open_string(lua_State *L)
{
	lua_pushcfunction(L, luaopen_string);
	lua_pushliteral(L, LUA_STRLIBNAME);
	lua_call(L, 1, 0);
	lua_getfield(L, LUA_GLOBALSINDEX, LUA_STRLIBNAME);
	lua_pushnil(L);
	lua_setfield(L, -2, "dump"); /* bytecode */
	pattern_open(L);             /* those of Lua may take for ever */
	lua_pushliteral(L, "");
	if (lua_getmetatable(L, -1)) {
		lua_pushboolean(L, 0);
		lua_setfield(L, -2, "__metatable");
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	sandbox_set_global(L, "string");
}

/* Without it each worker would draw the same numbers. */
static void seed_random(lua_State *L)
{
	uint32_t seed = 0;
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uint32_t)sluice_now_ns();
	lua_getfield(L, LUA_GLOBALSINDEX, LUA_MATHLIBNAME);
	lua_getfield(L, -1, "randomseed");
	lua_pushnumber(L, seed);
	lua_call(L, 1, 0);
	lua_pop(L, 1);
}

/* LuaJIT calls the handler of xpcall() within the hook that has thrown, where no hook is called: a
 * loop in a handler would never end. This one calls it when the error has been caught. */
static const char xpcall_source[] =
	"local pcall, select = ...\n"
	"local function finish(handler, is_good, ...)\n"
	"  if is_good then return true, ... end\n"
	"  return false, select(2, pcall(handler, ...))\n"
	"end\n"
	"return function(f, handler, ...) return finish(handler, pcall(f, ...)) end\n";

static void open_xpcall(lua_State *L)
{
	if (luaL_loadbuffer(L, xpcall_source, sizeof(xpcall_source) - 1, "=xpcall") != 0)
		lua_error(L);
	sandbox_push_global(L, "pcall");
	sandbox_push_global(L, "select");
	lua_call(L, 2, 1);
	sandbox_set_global(L, "xpcall");
}

/* ---- require ------------------------------------------------------------------------------- */

static const struct source *find_source(lua_State *L, sluice_str name)
{
	struct vm *vm = vm_of(L);
	const struct source *s = name.len ? program_find(vm->program, name) : NULL;
	char why[REPORT] = "the script did not require it when it was checked";
	if (!s && vm->reader)
		s = reader_read(vm->reader, name, why);
	if (!s)
		luaL_error(L, "module \"%s\": %s", name.data, why);
	return s;
}

static int require(lua_State *L)
{
	sluice_str name;
	name.data = luaL_checklstring(L, 1, &name.len);
	push_of(L, &modules_key);
	lua_pushvalue(L, 1);
	lua_rawget(L, -2);
	if (lua_islightuserdata(L, -1))
		return luaL_error(L, "module \"%s\" requires itself", name.data);
	if (!lua_isnil(L, -1))
		return 1;
	lua_pop(L, 1);
	if (vm_of(L)->is_loaded)
		return luaL_error(L,
			"module \"%s\" is required after the script was loaded; do it at the top",
			name.data);
	lua_pushvalue(L, 1);
	lua_pushlightuserdata(L, (void *)(uintptr_t)&modules_key); /* it is being loaded */
	lua_rawset(L, -3);
	sandbox_run(L, find_source(L, name));
	if (lua_isnil(L, -1) || lua_islightuserdata(L, -1)) {
		lua_pop(L, 1);
		lua_pushboolean(L, 1);
	}
	lua_pushvalue(L, 1);
	lua_pushvalue(L, -2);
	lua_rawset(L, -4);
	return 1;
}

/* ---- loading ------------------------------------------------------------------------------- */

void sandbox_open(lua_State *L)
{
	lua_newtable(L);
	set_of(L, &globals_key);
	lua_newtable(L);
	set_of(L, &modules_key);
	make_view(L);
	open_some(L, luaopen_base, "", NULL, base_names);
	open_some(L, NULL, LUA_COLIBNAME, "coroutine", coroutine_names);
	open_some(L, luaopen_math, LUA_MATHLIBNAME, "math", math_names);
	open_some(L, luaopen_table, LUA_TABLIBNAME, "table", table_names);
	open_some(L, luaopen_bit, LUA_BITLIBNAME, "bit", bit_names);
	open_some(L, luaopen_os, LUA_OSLIBNAME, "os", os_names);
	open_xpcall(L);
	open_string(L);
	guard_open(L);
	seed_random(L);
	lua_pushcfunction(L, require);
	sandbox_set_global(L, "require");
}

/* Text only: bytecode could do anything to the process. */
void sandbox_run(lua_State *L, const struct source *s)
{
	if (luaL_loadbufferx(L, s->text, s->len, s->chunk, "t") != 0)
		lua_error(L);
	push_of(L, &view_key);
	(void)lua_setfenv(L, -2);
	lua_call(L, 0, 1);
}

void sandbox_check_hooks(lua_State *L)
{
	push_of(L, &globals_key);
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
		size_t i = 0;
		while (i < HOOKS && strcmp(name, hook_names[i]) != 0)
			i++;
		if (strncmp(name, "on_", 3) == 0 && i == HOOKS)
			luaL_error(L,
				"there is no hook %s; there are on_request, on_response, "
				"on_response_body, on_attempt and on_complete",
				name);
		if (i < HOOKS && !lua_isfunction(L, -1))
			luaL_error(L, "%s is no function", name);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}
