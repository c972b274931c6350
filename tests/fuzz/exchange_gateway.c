/* The gateway of fuzz_exchange. */
#include "exchange_gateway.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "fakeserver.h"
#include "fakewire.h"
#include "policy/host.h"

static struct policy policy;

/* As in a module: the inline functions of the public header call through it. */
const sluice_host *sluice_host_table = &host_table;

static struct snapshot *load(const char *folder, const char *address)
{
	static const char text[] =
		"runtime: { workers: 1 }\n"
		"log: { access: { path: 'off' } }\n"
		"listeners: [{ name: in, address: '127.0.0.1:1' }]\n"
		"plugins: { a: { use: script, label: a }, b: { use: script, label: b } }\n"
		"upstreams: { up: { servers: ['%s'], timeouts: { connect: 200ms, response: 300ms } "
		"} }\n"
		"routes:\n"
		"  - { name: none, match: { path: '/none/*' }, upstream: up }\n"
		"  - { name: a, match: { path: '/a/*' }, plugins: [a], upstream: up }\n"
		"  - { name: b, match: { path: '/b/*' }, plugins: [b], upstream: up }\n"
		"  - { name: chat, match: { path: '/chat/*' }, upgrade: [websocket], upstream: up "
		"}\n"
		"  - { name: both, match: { path: '/both/*' }, plugins: [a, b], upstream: up }\n";
	const struct snapshot_env env = { .policy = &policy, .workers = 1 };
	char path[128];
	struct diag d;
	struct snapshot *snapshot;
	(void)snprintf(path, sizeof(path), "%s/conf.yaml", folder);
	FILE *f = fopen(path, "w");
	check(f && fprintf(f, text, address) > 0 && fclose(f) == 0, "%s is not written", path);
	diag_init(&d);
	snapshot = snapshot_load(path, &env, &d);
	if (!snapshot)
		diag_print(&d, stderr);
	check(snapshot, "no %s", "configuration");
	diag_fini(&d);
	(void)unlink(path);
	for (size_t i = 0; i < snapshot->n_instances; i++)
		check(instance_start(snapshot->instances[i]), "instance %zu does not start", i);
	return snapshot;
}

struct snapshot *exchange_gateway(const struct script *hooks)
{
	static struct worker *workers[] = { &fakewire_worker };
	static const char *const dirs[] = { MODULES_DIR };
	char folder[] = "/tmp/sluice-exchange-XXXXXX", why[MODULE_WHY];
	struct fakeserver server;
	struct snapshot *snapshot;
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
	fakeserver_up(&server, 0);
	snapshot = load(folder, server.address);
	fakeserver_down(&server);
	(void)rmdir(folder);
	return snapshot;
}

int exchange_ask_for_websocket(struct request_head *h, struct arena *a)
{
	int err = fields_add(&h->fields, a, STR("Upgrade"), STR("websocket"));
	if (!err)
		err = fields_add(&h->fields, a, STR("Sec-WebSocket-Version"), STR("13"));
	return err ? err
		   : fields_add(&h->fields, a, STR("Sec-WebSocket-Key"),
			     STR("dGhlIHNhbXBsZSBub25jZQ=="));
}
