/* The table `sluice` of scripts: what they may do with a request. Each function is called by the
 * script, and throws errors to it. */
#ifndef PLUGINS_LUA_API_H
#define PLUGINS_LUA_API_H

#include "run.h"

/* Make the table. Throws errors: under vm_protect(). */
void api_open(lua_State *L);

/* Each adds its functions to the table on top of the stack. */
void api_open_exchange(lua_State *L);
void api_open_fields(lua_State *L);
void api_open_answer(lua_State *L);
void api_open_wait(lua_State *L);

/* The exchange whose hook runs; an error while the script is loaded. */
struct run *api_run(lua_State *L);
sluice_exchange *api_exchange(lua_State *L);
/* An argument that has to be a string or a number. */
sluice_str api_str(lua_State *L, int index);
/* The same; data is NULL when it is nil or left out. */
sluice_str api_str_or_none(lua_State *L, int index);
/* A string, or nil when data is NULL. */
void api_push(lua_State *L, sluice_str s);
/* Memory of the exchange; an error when it is spent. */
void *api_alloc(lua_State *L, size_t n);
/* Pairs from the table at that index: name = "value", or name = { "value", "value" }. They point to
 * strings of the table. nil: none. */
sluice_pairs api_pairs(lua_State *L, int index);
/* The upstream of the option `upstreams` that has the name at that index; an error if none has. */
const sluice_upstream *api_upstream(lua_State *L, int index);

#endif
