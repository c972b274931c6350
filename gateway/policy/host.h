/* The table of services that every plugin is given. Its entries are in host_conf.c, host_exchange.c
 * and wait.c. */
#ifndef POLICY_HOST_H
#define POLICY_HOST_H

#include <sluice/plugin.h>

extern const sluice_host host_table;

/* host_conf.c: main thread */
void host_conf_error(sluice_instance *inst, const char *option, const char *fmt, va_list ap);
void host_conf_hint(sluice_instance *inst, const char *fmt, va_list ap);
void *host_conf_alloc(sluice_instance *inst, size_t n);
bool host_conf_given(sluice_instance *inst, const char *option);
int host_read_file(sluice_instance *inst, sluice_str path, size_t max, sluice_str *out);
sluice_str host_instance_name(sluice_instance *inst);
void host_secret(sluice_instance *inst, int kind, sluice_str name);
void host_log(sluice_instance *inst, sluice_exchange *x, int level, const char *fmt, va_list ap);
void host_timer(sluice_instance *inst, uint64_t ms, sluice_main_timer_fn fn);
int host_main_fetch(sluice_instance *inst, const sluice_fetch_request *r, sluice_main_fetch_fn fn);
const sluice_script *host_script(sluice_instance *inst, const char *source);
const sluice_expr *host_expr_compile(sluice_instance *inst, sluice_str text, const char **why);
const sluice_template *host_template_compile(sluice_instance *inst, const char *option, int side,
	sluice_str field, sluice_str text);
const sluice_store *host_store_table(sluice_instance *inst, const sluice_store *s, sluice_str name);

/* The absolute path of what a plugin names, relative to the configuration file; in a. NULL when its
 * budget is spent. */
struct arena;
const char *host_path(sluice_instance *inst, struct arena *a, sluice_str path);
/* The same for a fetch's authorities; empty stays empty. */
sluice_str host_ca_file(sluice_instance *inst, struct arena *a, sluice_str file);

/* wait.c: worker */
sluice_verdict host_await_publish(sluice_exchange *x, uint64_t timeout_ms, sluice_hook then);
sluice_verdict host_sleep(sluice_exchange *x, uint64_t ms, sluice_hook then);
sluice_verdict host_fetch(sluice_exchange *x, const sluice_fetch_request *r, sluice_fetch_fn then);
sluice_verdict host_store_eval(sluice_exchange *x, const sluice_store *s,
	const sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms, sluice_store_fn then);
sluice_verdict host_store_command(sluice_exchange *x, const sluice_store *s, const sluice_str *argv,
	size_t argc, uint64_t timeout_ms, sluice_store_fn then);

#endif
