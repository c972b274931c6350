/*
 * What a script sees of Lua: the libraries that compute, and nothing that reaches a file, a
 * process, C, or the engine. Globals can be written only while the script is loaded, so that
 * nothing of a request stays there for the next.
 */
#ifndef PLUGINS_LUA_SANDBOX_H
#define PLUGINS_LUA_SANDBOX_H

#include "vm.h"

/* All throw errors: call them under vm_protect(). */

void sandbox_open(lua_State *L);
/* Take the value on top of the stack as a global. */
void sandbox_set_global(lua_State *L, const char *name);
void sandbox_push_global(lua_State *L, const char *name);
/* Load and run a source; its value is left on the stack. */
void sandbox_run(lua_State *L, const struct source *s);
/* A global whose name begins with `on_` must be a hook, and a function. */
void sandbox_check_hooks(lua_State *L);

#endif
