/*
 * Functions of Lua's libraries that scripts get in a guarded form. Some of them call the script
 * back from C, or give each coroutine a stack of its own, so that LuaJIT bounds their nesting by
 * nothing but memory: the stack of the thread would overflow first. And coroutines in which the
 * host runs hooks are kept from scripts, which could resume the call of another request by them.
 */
#ifndef PLUGINS_LUA_GUARD_H
#define PLUGINS_LUA_GUARD_H

#include <lua.h>

/* Both throw errors: call them under vm_protect(). */

/* Put guarded functions in the place of those of the global libraries. */
void guard_open(lua_State *L);
/* The coroutine on top of the stack is the host's. It stays there. */
void guard_mark_host(lua_State *L);

#endif
