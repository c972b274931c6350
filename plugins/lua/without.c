/* The plugin in a build without LuaJIT: it has its options, and refuses every use. */
#include "script.h"

int script_check(sluice_instance *inst, struct lua_conf *c)
{
	(void)c;
	sluice_conf_error(inst, NULL, "this build of Sluice has no LuaJIT");
	sluice_conf_hint(inst, "on Debian: libluajit2-5.1-dev, and build Sluice with --with-lua");
	return -1;
}

void script_start(sluice_instance *inst, struct lua_conf *c)
{
	(void)inst;
	(void)c;
}

void script_fini(struct lua_conf *c)
{
	(void)c;
}

int script_worker_start(sluice_instance *inst, const struct lua_conf *c, struct lua_worker *w)
{
	(void)inst;
	(void)c;
	(void)w;
	return -1;
}

void script_worker_stop(struct lua_worker *w)
{
	(void)w;
}

sluice_verdict script_call(sluice_exchange *x, const struct lua_conf *c, enum script_hook hook)
{
	(void)x;
	(void)c;
	(void)hook;
	return SLUICE_FAIL;
}

sluice_verdict script_body(sluice_exchange *x, const struct lua_conf *c, sluice_str body)
{
	(void)body;
	return script_call(x, c, SCRIPT_RESPONSE);
}
