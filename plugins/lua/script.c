/* The script of an instance: see script.h. */
#include "script.h"

#include "run.h"

static const char *source_option(const struct lua_conf *c)
{
	return c->file.len ? "file" : "script";
}

static void take(sluice_instance *inst, struct lua_conf *c, struct program *p,
	const struct seen *seen)
{
	if (p)
		sluice_publish(inst, p, program_unref);
	c->seen = *seen;
	sluice_metric_set(c->refused_scripts, SLUICE_STR_NONE, p == NULL);
}

/* ---- configuration ------------------------------------------------------------------------- */

int script_check(sluice_instance *inst, struct lua_conf *c)
{
	struct seen seen;
	char report[REPORT];
	struct program *p = program_build(c, &seen, report);
	if (!p) {
		sluice_conf_error(inst, source_option(c), "%s", report);
		sluice_conf_hint(inst, "%s",
			c->file.len ? "the number behind the file's name is that of the line"
				    : "the number behind `script` is that of the script's line");
		return -1;
	}
	c->program = program_ref(p); /* and stays so: workers read it when they start */
	take(inst, c, p, &seen);
	return 0;
}

/* ---- watching ------------------------------------------------------------------------------ */

/* A file has changed. All are read again, so that what is in force is always one state of them. */
static void reload(sluice_instance *inst, struct lua_conf *c)
{
	struct seen seen;
	char report[REPORT];
	struct program *p = program_build(c, &seen, report);
	take(inst, c, p, &seen);
	if (p)
		sluice_log(inst, SLUICE_LOG_INFO, "the script has changed");
	else
		sluice_log(inst, SLUICE_LOG_ERROR,
			"%s; the script is not used, and the one before it stays in force", report);
}

static void look(sluice_instance *inst, void *conf)
{
	struct lua_conf *c = conf;
	uint64_t pause = c->refresh;
	bool has_changed = false;
	sluice_str text;
	for (size_t i = 0; i < c->seen.n; i++) {
		if (watch_look(inst, &c->seen.v[i], &text))
			has_changed = true;
		if (watch_is_moving(&c->seen.v[i]))
			pause = WATCH_SOON_MS;
	}
	if (has_changed)
		reload(inst, c);
	sluice_timer(inst, pause, look);
}

void script_start(sluice_instance *inst, struct lua_conf *c)
{
	if (c->seen.n)
		sluice_timer(inst, c->refresh, look);
}

void script_fini(struct lua_conf *c)
{
	program_unref(c->program);
	c->program = NULL;
}

/* ---- workers ------------------------------------------------------------------------------- */

int script_worker_start(sluice_instance *inst, const struct lua_conf *c, struct lua_worker *w)
{
	char report[REPORT];
	w->vm = vm_new(c, c->program, NULL, report);
	if (!w->vm)
		sluice_log(inst, SLUICE_LOG_ERROR, "%s", report);
	return w->vm ? 0 : -1;
}

void script_worker_stop(struct lua_worker *w)
{
	vm_unref(&w->vm);
	program_unref(w->refused);
	w->refused = NULL;
}

sluice_verdict script_call(sluice_exchange *x, const struct lua_conf *c, enum script_hook hook)
{
	static const enum hook hooks[] = { [SCRIPT_REQUEST] = HOOK_REQUEST,
		[SCRIPT_RESPONSE] = HOOK_RESPONSE,
		[SCRIPT_ATTEMPT] = HOOK_ATTEMPT,
		[SCRIPT_COMPLETE] = HOOK_COMPLETE };
	return run_hook(x, c, hooks[hook], SLUICE_STR_NONE);
}

sluice_verdict script_body(sluice_exchange *x, const struct lua_conf *c, sluice_str body)
{
	return run_hook(x, c, HOOK_RESPONSE_BODY, body);
}
