/* From a text to a snapshot. */
#include "gateway_kit.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "fakeserver.h"
#include "fakewire.h"
#include "policy/host.h"

static struct policy policy;
static char folder[] = "/tmp/sluice-gateway-XXXXXX";

/* As in a module: the inline functions of the public header call through it. */
const sluice_host *sluice_host_table = &host_table;

static void remove_folder(void)
{
	(void)rmdir(folder);
}

void gateway_start(const struct script *hooks)
{
	static struct worker *workers[] = { &fakewire_worker };
	static const char *const dirs[] = { MODULES_DIR };
	char why[MODULE_WHY];
	log_set_level(LOG_ERROR);
	fakewire_start();
	policy = (struct policy){ .dirs = { dirs, 1, &host_table },
		.main = &fakewire_worker,
		.workers = workers,
		.n_workers = 1 };
	struct module *m = module_get(&policy.dirs, STR("script"), why);
	check(m, "%s", why);
	void *so = dlopen(m->path, RTLD_NOW | RTLD_NOLOAD);
	struct script *script = so ? dlsym(so, "script") : NULL;
	check(script && mkdtemp(folder), "no %s", "module");
	(void)dlclose(so);
	*script = *hooks;
	(void)atexit(fakeserver_fini);
	(void)atexit(remove_folder);
}

struct snapshot *gateway_load(const char *text, const struct snapshot *old)
{
	const struct snapshot_env env = { .policy = &policy, .workers = 1, .old = old };
	char path[64];
	struct diag d;
	(void)snprintf(path, sizeof(path), "%s/conf.yaml", folder);
	FILE *f = fopen(path, "w");
	check(f && fputs(text, f) >= 0 && fclose(f) == 0, "%s is not written", path);
	diag_init(&d);
	struct snapshot *s = snapshot_load(path, &env, &d);
	if (!s)
		diag_print(&d, stderr);
	check(s, "no %s", "configuration");
	diag_fini(&d);
	(void)unlink(path);
	for (size_t i = 0; i < s->n_instances; i++)
		check(instance_start(s->instances[i]), "instance %zu does not start", i);
	return s;
}
