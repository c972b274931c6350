/*
 * The script of an instance: read and tried when the configuration is checked, read again when a
 * file of it changes, and called for each hook. lua.c knows nothing else of Lua, so that a build
 * without LuaJIT has without.c in the place of script.c.
 */
#ifndef PLUGINS_LUA_SCRIPT_H
#define PLUGINS_LUA_SCRIPT_H

#include "conf.h"

enum script_hook { SCRIPT_REQUEST, SCRIPT_RESPONSE, SCRIPT_ATTEMPT, SCRIPT_COMPLETE };

/* Main thread, in check(), start() and stop(). */
int script_check(sluice_instance *inst, struct lua_conf *c);
void script_start(sluice_instance *inst, struct lua_conf *c);
void script_fini(struct lua_conf *c);

int script_worker_start(sluice_instance *inst, const struct lua_conf *c, struct lua_worker *w);
void script_worker_stop(struct lua_worker *w);

sluice_verdict script_call(sluice_exchange *x, const struct lua_conf *c, enum script_hook hook);
sluice_verdict script_body(sluice_exchange *x, const struct lua_conf *c, sluice_str body);

#endif
