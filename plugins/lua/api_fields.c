/* The tables `sluice.request` and `sluice.response`: fields and bodies. */
#include "api.h"

/* Upvalue 1 of each function: the side. */
static sluice_side side_of(lua_State *L)
{
	return (sluice_side)lua_tointeger(L, lua_upvalueindex(1));
}

static int fields_get(lua_State *L)
{
	api_push(L, sluice_field(api_exchange(L), side_of(L), api_str(L, 1)));
	return 1;
}

static int fields_set(lua_State *L)
{
	sluice_field_set(api_exchange(L), side_of(L), api_str(L, 1), api_str(L, 2));
	return 0;
}

static int fields_add(lua_State *L)
{
	sluice_field_add(api_exchange(L), side_of(L), api_str(L, 1), api_str(L, 2));
	return 0;
}

static int fields_remove(lua_State *L)
{
	sluice_field_remove(api_exchange(L), side_of(L), api_str(L, 1));
	return 0;
}

/* All fields as they are now, a list of { name, value }, so that the script may change them while
 * it goes through the list. */
static int fields_list(lua_State *L)
{
	sluice_exchange *x = api_exchange(L);
	sluice_side side = side_of(L);
	sluice_pair f;
	int n = 0;
	lua_newtable(L);
	for (size_t at = 0; sluice_field_next(x, side, &at, &f);) {
		lua_createtable(L, 2, 0);
		api_push(L, f.name);
		lua_rawseti(L, -2, 1);
		api_push(L, f.value);
		lua_rawseti(L, -2, 2);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/* (list, ignored): the next pair; upvalue 1: how far the traversal is */
static int fields_step(lua_State *L)
{
	int at = (int)lua_tointeger(L, lua_upvalueindex(1)) + 1;
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_pushinteger(L, at);
	lua_replace(L, lua_upvalueindex(1));
	lua_rawgeti(L, 1, at);
	if (!lua_istable(L, -1))
		return 0;
	lua_rawgeti(L, -1, 1);
	lua_rawgeti(L, -2, 2);
	return 2;
}

/* for name, value in sluice.request.each() do */
static int fields_each(lua_State *L)
{
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, fields_step, 1);
	(void)fields_list(L);
	return 2;
}

/* ---- bodies -------------------------------------------------------------------------------- */

static uint64_t max_of(lua_State *L, int index)
{
	lua_Number n = luaL_optnumber(L, index, (lua_Number)vm_of(L)->conf->max_body);
	luaL_argcheck(L, n >= 1 && n <= 1 << 30, index, "1 to 1073741824 bytes");
	return (uint64_t)n;
}

/* Wait for the body of the request. */
static int request_body(lua_State *L)
{
	struct run *r = api_run(L);
	const char *why = run_cannot_wait(L, r);
	uint64_t max = max_of(L, 1);
	if (!why && r->hook != HOOK_REQUEST)
		why = "is for on_request";
	if (why)
		return luaL_error(L, "sluice.request.body() %s", why);
	r->want = (struct want){ .kind = WANT_BODY, .max = max };
	return lua_yield(L, 0);
}

static int request_set_body(lua_State *L)
{
	struct run *r = api_run(L);
	sluice_str body = api_str(L, 1);
	if (!r->has_body)
		return luaL_error(L,
			"sluice.request.body() was not called before, or the body was replaced "
			"already");
	r->has_body = false;
	sluice_body_drop(r->x, SIZE_MAX);
	(void)sluice_body_write(r->x, body);
	return 0;
}

static int response_want_body(lua_State *L)
{
	struct run *r = api_run(L);
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.max = max_of(L, 1) };
	if (r->vm->hooks[HOOK_RESPONSE_BODY] == LUA_NOREF)
		return luaL_error(L, "the script has no on_response_body");
	if (!sluice_body_want(r->x, SLUICE_RESPONSE, &plan))
		return luaL_error(L, "the body of the response cannot be had any more");
	return 0;
}

/* ---- the tables ---------------------------------------------------------------------------- */

static void add_side(lua_State *L, const char *name, sluice_side side)
{
	static const luaL_Reg functions[] = { { "get", fields_get }, { "set", fields_set },
		{ "add", fields_add }, { "remove", fields_remove }, { "each", fields_each },
		{ NULL, NULL } };
	lua_newtable(L);
	for (const luaL_Reg *f = functions; f->name; f++) {
		lua_pushinteger(L, side);
		lua_pushcclosure(L, f->func, 1);
		lua_setfield(L, -2, f->name);
	}
	if (side == SLUICE_REQUEST) {
		lua_pushcfunction(L, request_body);
		lua_setfield(L, -2, "body");
		lua_pushcfunction(L, request_set_body);
		lua_setfield(L, -2, "set_body");
	} else {
		lua_pushcfunction(L, response_want_body);
		lua_setfield(L, -2, "want_body");
	}
	lua_setfield(L, -2, name);
}

void api_open_fields(lua_State *L)
{
	add_side(L, "request", SLUICE_REQUEST);
	add_side(L, "response", SLUICE_RESPONSE);
}
