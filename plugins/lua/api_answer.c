/* The table `sluice`: answers. They end the call of the hook: nothing of the script runs after
 * them. */
#include "api.h"
#include "codes.h"

/* Before the answer is given, so that none is given where the call cannot end. */
static struct run *answering(lua_State *L, const char *name)
{
	struct run *r = api_run(L);
	const char *why = run_cannot_wait(L, r);
	if (r->hook == HOOK_ATTEMPT || r->hook == HOOK_COMPLETE)
		why = "cannot be called here, because this hook cannot answer";
	if (why)
		luaL_error(L, "sluice.%s() %s", name, why);
	return r;
}

static int answered(lua_State *L, struct run *r, sluice_verdict v)
{
	if (v == SLUICE_FAIL)
		return luaL_error(L, "this answer cannot be given; the log says why");
	r->want = (struct want){ .kind = WANT_ANSWERED, .verdict = v };
	return lua_yield(L, 0);
}

/* sluice.refuse(status, code, detail) */
static int api_refuse(lua_State *L)
{
	struct run *r = answering(L, "refuse");
	int status = (int)luaL_checkinteger(L, 1);
	const char *code = code_keep(api_str(L, 2));
	const char *detail = luaL_optstring(L, 3, "");
	luaL_argcheck(L, status >= 400 && status <= 599, 1, "400 to 599");
	luaL_argcheck(L, code, 2,
		"a code has 1 to 64 bytes of a-z, 0-9 and -, and there are 256 codes at most");
	return answered(L, r, sluice_refuse(r->x, status, code, detail));
}

static void text_member(lua_State *L, const char *name, sluice_str *out)
{
	lua_getfield(L, 1, name);
	if (!lua_isnil(L, -1) && !lua_isstring(L, -1))
		luaL_error(L, "%s is no string", name);
	*out = api_str_or_none(L, -1);
	/* stays on the stack, so that the text does */
}

/* sluice.reply{ status =, type =, headers =, body = } */
static int api_reply(lua_State *L)
{
	struct run *r = answering(L, "reply");
	sluice_answer a = { .size = sizeof(a) };
	luaL_checktype(L, 1, LUA_TTABLE);
	vm_check_stack(L, 1); /* members may be computed by functions */
	lua_getfield(L, 1, "status");
	a.status = (int)luaL_optinteger(L, -1, 200);
	if (a.status < 200 || a.status > 599)
		return luaL_error(L, "status is not 200 to 599");
	text_member(L, "type", &a.content_type);
	text_member(L, "body", &a.body);
	lua_getfield(L, 1, "headers");
	a.headers = api_pairs(L, lua_gettop(L));
	return answered(L, r, sluice_answer_with(r->x, &a));
}

void api_open_answer(lua_State *L)
{
	static const luaL_Reg functions[] = { { "refuse", api_refuse }, { "reply", api_reply },
		{ NULL, NULL } };
	luaL_register(L, NULL, functions);
}
