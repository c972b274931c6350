/* The table of services that plugins get in the kit: the real one, with the test's clock, a log
 * that the test reads, and a watch on rules that the gateway trusts a plugin to keep. */
#include <stdio.h>

#include "kit_internal.h"
#include "policy/host.h"
#include "policy/run.h"
#include "policy/running.h"

static sluice_host table;
const sluice_host *const kit_host = &table;

static uint64_t unix_offset_ms;
static char log_text[64 * 1024];
static size_t log_len;
static unsigned contend, lose, fail;
static uint64_t contend_value;

/* ---- clocks -------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	return __atomic_load_n(&kit_worker.now_ns, __ATOMIC_RELAXED);
}

uint64_t kit_unix_ms(void)
{
	return kit_worker.now_ns / NS_PER_MS + unix_offset_ms;
}

void kit_set_unix_ms(uint64_t ms)
{
	unix_offset_ms = ms - kit_worker.now_ns / NS_PER_MS;
}

/* ---- the log ------------------------------------------------------------------------------- */

static void log_keep(sluice_instance *inst, sluice_exchange *x, int level, const char *fmt,
	va_list ap)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	(void)inst, (void)x;
	if (log_len >= sizeof(log_text) - 1024)
		return;
	log_len += (size_t)snprintf(log_text + log_len, 64, "%s: ", names[level]);
	int n = vsnprintf(log_text + log_len, 900, fmt, ap);
	log_len += n > 899 ? 899u : (size_t)n;
	log_text[log_len++] = '\n';
	log_text[log_len] = 0;
}

/* Every line, also those that a gateway leaves out because they come too often. */
static void log_keep_for(sluice_exchange *x, int level, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	log_keep(NULL, x, level, fmt, again);
	va_end(again);
	host_table.log_for(x, level, fmt, ap);
}

const char *kit_log(void)
{
	static char told[sizeof(log_text)];
	memcpy(told, log_text, log_len + 1);
	log_len = 0;
	log_text[0] = 0;
	return told;
}

/* ---- rules --------------------------------------------------------------------------------- */

/* Services of the main thread are not for hooks, which run on workers. */
static void main_thread_only(const char *service)
{
	unsigned call = kit_worker.running & (RUNNING_ALIGN - 1);
	if (kit_worker.running &&
		(call <= RUN_COMPLETE || call == RUNNING_FACT || call == RUNNING_CHOOSE ||
			running_is_of_conn(call)))
		kit_die("%s from a worker's hook", service);
}

static int read_file(sluice_instance *inst, sluice_str path, size_t max, sluice_str *out)
{
	main_thread_only("sluice_read_file()");
	return host_table.read_file(inst, path, max, out);
}

static void timer(sluice_instance *inst, uint64_t ms, sluice_main_timer_fn fn)
{
	main_thread_only("sluice_timer()");
	host_table.timer(inst, ms, fn);
}

static int main_fetch(sluice_instance *inst, const sluice_fetch_request *r, sluice_main_fetch_fn fn)
{
	main_thread_only("sluice_main_fetch()");
	return host_table.main_fetch(inst, r, fn);
}

static void publish(sluice_instance *inst, void *value, void (*free_value)(void *))
{
	main_thread_only("sluice_publish()");
	host_table.publish(inst, value, free_value);
}

static const sluice_expr *expr_compile(sluice_instance *inst, sluice_str text, const char **why)
{
	main_thread_only("sluice_expr_compile()");
	return host_table.expr_compile(inst, text, why);
}

static void refresh(sluice_exchange *x)
{
	if (!run_item(x)->plugin->on_refresh)
		kit_die("sluice_refresh() without on_refresh");
	host_table.refresh(x);
}

static sluice_verdict refuse(sluice_exchange *x, int status, const char *code, const char *detail)
{
	if (status < 400 || status > 599 || !code[0] ||
		code[strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		kit_die("sluice_refuse() with %d \"%s\"", status, code);
	return host_table.refuse(x, status, code, detail);
}

static sluice_verdict store_eval(sluice_exchange *x, const sluice_store *s,
	const sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms, sluice_store_fn then)
{
	if (timeout_ms == 0)
		kit_die("a store call without a deadline");
	return host_table.store_eval(x, s, script, key, args, nargs, timeout_ms, then);
}

/* ---- cells --------------------------------------------------------------------------------- */

void kit_cells_contend(unsigned n, uint64_t other)
{
	contend = n;
	contend_value = other;
}

void kit_cells_lose(unsigned n)
{
	lose = n;
}

void kit_cells_fail(unsigned n)
{
	fail = n;
}

static bool store_cell(const sluice_store *s, sluice_str key, uint64_t now, sluice_cell *out)
{
	if (fail) {
		fail--;
		return false;
	}
	return host_table.store_cell(s, key, now, out);
}

static bool store_cell_swap(sluice_cell *c, uint64_t desired)
{
	if (lose) {
		lose--;
		*c = (sluice_cell){ .slot = NULL };
		return false;
	}
	if (contend) {
		sluice_cell theirs = *c;
		contend--;
		(void)host_table.store_cell_swap(&theirs, contend_value);
	}
	return host_table.store_cell_swap(c, desired);
}

void kit_table_reset(void)
{
	table = host_table;
	table.now_ns = now_ns;
	table.unix_ms = kit_unix_ms;
	table.log = log_keep;
	table.log_for = log_keep_for;
	table.read_file = read_file;
	table.timer = timer;
	table.main_fetch = main_fetch;
	table.publish = publish;
	table.expr_compile = expr_compile;
	table.refresh = refresh;
	table.refuse = refuse;
	table.store_eval = store_eval;
	table.store_cell = store_cell;
	table.store_cell_swap = store_cell_swap;
	log_len = 0;
	log_text[0] = 0;
	contend = lose = fail = 0;
	kit_set_unix_ms(KIT_EPOCH_MS);
}
