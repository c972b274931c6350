/* The commands of the admin address. */
#include "admin/table.h"

#include "admin/answers.h"
#include "admin/call.h"

static void answer_list(struct admin_call *c);

const struct admin_command admin_table[] = {
	{ METHOD_GET, SLUICE_STR("/"), false, answer_list, "this list" },
	{ METHOD_GET, SLUICE_STR("/healthz"), false, answer_healthz,
		"200 while the process lives" },
	{ METHOD_GET, SLUICE_STR("/readyz"), false, answer_readyz,
		"200 while requests are taken; 503 with the reasons while the gateway starts or "
		"drains, or a worker stands still" },
	{ METHOD_GET, SLUICE_STR("/metrics"), false, answer_metrics,
		"everything that is counted, as Prometheus reads it" },
	{ METHOD_GET, SLUICE_STR("/status"), false, answer_status,
		"version, configuration in force, workers, and every upstream server, as JSON" },
	{ METHOD_GET, SLUICE_STR("/requests"), false, answer_requests,
		"the requests in progress, the oldest first, and what each waits for, as JSON; "
		"?limit=N, ?route=NAME, ?client=ADDRESS, ?id=ID" },
	{ METHOD_POST, SLUICE_STR("/reload"), true, answer_reload,
		"load the configuration again: 200 once every worker uses it, 422 with its "
		"mistakes" },
	{ METHOD_POST, SLUICE_STR("/purge"), true, answer_purge,
		"remove stored responses: ?cache=NAME with tag=NAME, path=/PATH, prefix=/FOLDER/ "
		"or "
		"all=true; each may come several times" },
	{ METHOD_POST, SLUICE_STR("/servers"), true, answer_servers,
		"set a server of an upstream: ?upstream=NAME&server=ADDRESS with "
		"state=ready, drain or disabled, or weight=0 to 100, or file" },
	{ METHOD_POST, SLUICE_STR("/reopen"), true, answer_reopen,
		"open log files again, after they were moved away" },
	{ METHOD_POST, SLUICE_STR("/upgrade"), true, answer_upgrade,
		"start the program anew and hand it the listeners: 200 once it serves, 500 when it "
		"cannot start" },
	{ METHOD_POST, SLUICE_STR("/drain"), true, answer_drain,
		"take no new connections, let requests under way finish, then end" },
	{ METHOD_POST, SLUICE_STR("/stop"), true, answer_stop,
		"end at once; requests under way are cut off" },
};
const size_t admin_table_rows = sizeof(admin_table) / sizeof(admin_table[0]);

const struct admin_command *admin_table_find(enum method m, sluice_str path, bool *known)
{
	*known = false;
	for (size_t i = 0; i < admin_table_rows; i++) {
		const struct admin_command *c = &admin_table[i];
		if (!str_eq(c->path, path))
			continue;
		*known = true;
		if (c->method == m || (c->method == METHOD_GET && m == METHOD_HEAD))
			return c;
	}
	return NULL;
}

sluice_str admin_table_allow(sluice_str path, struct arena *a)
{
	sluice_str list = STR("");
	for (size_t i = 0; i < admin_table_rows; i++) {
		const struct admin_command *c = &admin_table[i];
		if (!str_eq(c->path, path))
			continue;
		list = arena_printf(a, "%.*s%s%.*s%s", STR_ARG(list), list.len ? ", " : "",
			STR_ARG(method_name(c->method)), c->method == METHOD_GET ? ", HEAD" : "");
	}
	return list;
}

sluice_str admin_table_text(struct arena *a)
{
	sluice_str text = STR("");
	for (size_t i = 0; i < admin_table_rows; i++) {
		const struct admin_command *c = &admin_table[i];
		text = arena_printf(a, "%.*s%-4.*s %-10.*s %s%s\n", STR_ARG(text),
			STR_ARG(method_name(c->method)), STR_ARG(c->path), c->help,
			c->changes ? " (from this machine only)" : "");
	}
	return text;
}

static void answer_list(struct admin_call *c)
{
	struct arena a;
	arena_init(&a, 0);
	call_answer(c, 200, STR("text/plain; charset=utf-8"), admin_table_text(&a));
	arena_fini(&a);
}
