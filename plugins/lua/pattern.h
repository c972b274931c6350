/*
 * string.find, match, gmatch and gsub with Lua's patterns, in the place of those of Lua. A pattern
 * with several repetitions can take a time that grows with a power of the subject's length, which a
 * client chooses, and no hook interrupts a function of C. These take their steps from the budget of
 * the call.
 */
#ifndef PLUGINS_LUA_PATTERN_H
#define PLUGINS_LUA_PATTERN_H

#include <lua.h>

/* Put them into the library on top of the stack. Throws errors: under vm_protect(). */
void pattern_open(lua_State *L);

#endif
