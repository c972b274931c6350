/*
 * Functions of Lua's libraries that scripts get in a guarded form. Some of them call the script
 * back from C, or give each coroutine a stack of its own, so that LuaJIT bounds their nesting by
 * nothing but memory: the stack of the thread would overflow first.
 */
#ifndef PLUGINS_LUA_GUARD_H
#define PLUGINS_LUA_GUARD_H

#include <lua.h>

/* Put guarded functions in the place of those of the global libraries. Throws errors: under
 * vm_protect(). */
void guard_open(lua_State *L);

#endif
