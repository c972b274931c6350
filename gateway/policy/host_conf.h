/* Services of configuration time and of the main thread. For the host table; the contracts are
 * those of the public header. */
#ifndef POLICY_HOST_CONF_H
#define POLICY_HOST_CONF_H

#include <sluice/plugin.h>

void host_conf_error(sluice_instance *inst, const char *option, const char *fmt, va_list ap);
void host_conf_hint(sluice_instance *inst, const char *fmt, va_list ap);
void *host_conf_alloc(sluice_instance *inst, size_t n);
bool host_conf_given(sluice_instance *inst, const char *option);
int host_read_file(sluice_instance *inst, sluice_str path, size_t max, sluice_str *out);
sluice_str host_instance_name(sluice_instance *inst);
void host_own(sluice_instance *inst, int kind, sluice_str name);
void host_serve(sluice_instance *inst, sluice_str path, const sluice_answer *a);
void host_secret(sluice_instance *inst, int kind, sluice_str name);
enum { HOST_LOG_TAG = 96 };
/* PLUGIN/INSTANCE; inst NULL: not known. */
void host_log_tag(const sluice_instance *inst, char out[HOST_LOG_TAG]);
void host_log(sluice_instance *inst, sluice_exchange *x, int level, const char *fmt, va_list ap);
void host_conf_error_text(sluice_instance *inst, const char *option, sluice_str text);
void host_conf_hint_text(sluice_instance *inst, sluice_str text);
void host_log_text(sluice_instance *inst, sluice_exchange *x, int level, sluice_str text);
void host_timer(sluice_instance *inst, uint64_t ms, sluice_main_timer_fn fn);
int host_main_fetch(sluice_instance *inst, const sluice_fetch_request *r, sluice_main_fetch_fn fn);
void host_publish(sluice_instance *inst, void *value, void (*free_value)(void *));
const sluice_script *host_script(sluice_instance *inst, const char *source);
const sluice_expr *host_expr_compile(sluice_instance *inst, sluice_str text, const char **why);
const sluice_template *host_template_compile(sluice_instance *inst, const char *option, int side,
	sluice_str field, sluice_str text);
const sluice_store *host_store_table(sluice_instance *inst, const sluice_store *s, sluice_str name);

#endif
