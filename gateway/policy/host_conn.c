/* Services about a connection. Worker's thread. */
#include "policy/host_conn.h"

#include <stdio.h>

#include "base/clock.h"
#include "policy/answer.h"
#include "policy/conn.h"
#include "policy/fact.h"
#include "policy/guard.h"
#include "policy/measure.h"
#include "policy/run.h"
#include "policy/running.h"

/* Who calls a service: a hook of the connection, or one of an exchange on it. */
struct conn_caller {
	const struct conn_plugin *plugin;
	uint32_t at;         /* its place in the row */
	struct arena *arena; /* for what lives until the hook returns, or longer */
};

/* The exchange whose hook runs on this thread; NULL: none. */
static sluice_exchange *conn_exchange(const struct worker *w)
{
	return running_is_of_exchange(running_word(w))
		? (sluice_exchange *)(uintptr_t)w->running_for
		: NULL;
}

/* c is not looked at before it is known to be there. */
static bool conn_find_caller(sluice_conn *c, struct conn_caller *out)
{
	const struct worker *w = worker_self;
	if (!c || !w)
		return false;
	if (w->running_for == c && running_is_of_conn(running_word(w))) {
		*out = (struct conn_caller){ .at = c->at, .arena = &c->row->scratch };
	} else {
		sluice_exchange *x = conn_exchange(w);
		int at = x && conn_of_exchange(x) == c ? conn_place(c->row, run_item(x)->inst) : -1;
		if (at < 0)
			return false;
		*out = (struct conn_caller){ .at = (uint32_t)at, .arena = x->arena };
	}
	out->plugin = &c->row->v[out->at];
	return true;
}

static bool guard_conn(sluice_conn *c, const char *service, struct conn_caller *out)
{
	return conn_find_caller(c, out) ||
		guard_refuse(service,
			c ? "it is for the connection whose hook runs, or by whose exchange's hook "
			    "it was found, on its own thread"
			  : "the connection is NULL");
}

/* ---- what is known ------------------------------------------------------------------------- */

sluice_str host_conn_get(sluice_conn *c, int info)
{
	struct conn_caller by;
	sluice_str value = STR_NONE;
	if (!guard_conn(c, "sluice_conn_get()", &by))
		return STR_NONE;
	const struct run_about *about = c->row->keeper->about;
	if (about)
		(void)about->conn(c->info, fact_of_info(info), by.arena, &value);
	return value;
}

static int64_t conn_port(const struct conn_info *c)
{
	return c->peer_port ? c->peer_port : SLUICE_UNKNOWN;
}

int64_t host_conn_number(sluice_conn *c, int number)
{
	struct conn_caller by;
	if (!guard_conn(c, "sluice_conn_number()", &by))
		return SLUICE_UNKNOWN;
	uint64_t age_ns = worker_now(c->row->worker) - c->started_ns;
	switch (number) {
	case SLUICE_N_PEER_PORT:
		return conn_port(c->info);
	case SLUICE_N_CLIENT_PORT:
		return c->info->peer_is_trusted ? SLUICE_UNKNOWN : conn_port(c->info);
	case SLUICE_N_CONNECTION_REQUESTS:
		return c->info->requests;
	case SLUICE_N_DURATION_US:
		return (int64_t)(age_ns / 1000);
	case SLUICE_N_START_MS:
		return (int64_t)(clock_unix_ms() - age_ns / NS_PER_MS);
	default:
		return SLUICE_UNKNOWN;
	}
}

sluice_conn *host_conn_of(sluice_exchange *x)
{
	if (!guard_hook(x, "sluice_conn_of()"))
		return NULL;
	sluice_conn *c = conn_of_exchange(x);
	return c && conn_place(c->row, run_item(x)->inst) >= 0 ? c : NULL;
}

/* ---- what is kept -------------------------------------------------------------------------- */

void *host_conn_state(sluice_conn *c, size_t n)
{
	static const char service[] = "sluice_conn_state()";
	struct conn_caller by;
	if (!guard_conn(c, service, &by))
		return NULL;
	if (n == 0 || n > SLUICE_CONN_STATE) {
		(void)guard_refuse(service, "the size is not 1 to SLUICE_CONN_STATE");
		return NULL;
	}
	return conn_state(c, by.at, n);
}

bool host_conn_cleanup(sluice_conn *c, void (*fn)(void *), void *arg)
{
	static const char service[] = "sluice_conn_cleanup()";
	struct conn_caller by;
	if (!guard_conn(c, service, &by) || !guard_callback(fn, service))
		return false;
	return conn_cleanup(c, by.at, fn, arg) ||
		guard_refuse(service,
			"the instance has SLUICE_CONN_CLEANUPS for this connection, "
			"or there is no memory");
}

void *host_conn_worker_state(sluice_conn *c)
{
	struct conn_caller by;
	return guard_conn(c, "sluice_conn_worker_state()", &by) ? by.plugin->iw->state : NULL;
}

const void *host_conn_published(sluice_conn *c)
{
	struct conn_caller by;
	if (!guard_conn(c, "sluice_conn_published()", &by))
		return NULL;
	const struct published *p = by.plugin->iw->published;
	return p ? p->value : NULL;
}

/* ---- what is done -------------------------------------------------------------------------- */

sluice_verdict host_conn_refuse(sluice_conn *c, const char *code)
{
	static const char service[] = "sluice_conn_refuse()";
	struct conn_caller by;
	if (!guard_conn(c, service, &by))
		return SLUICE_FAIL;
	if (c->call != RUNNING_CONNECT && c->call != RUNNING_SECURED) {
		(void)guard_refuse(service, "it is for on_connect and on_secured");
		return SLUICE_FAIL;
	}
	if (!answer_is_code(code)) {
		(void)guard_refuse(service,
			"the code is not 1 to 64 of a-z, 0-9 and -; the connection is refused as "
			"\"refused\"");
		code = "refused";
	}
	(void)snprintf(c->row->refused, sizeof(c->row->refused), "%s", code);
	c->refused = c->row->refused;
	return SLUICE_REPLY;
}

void host_conn_log(sluice_conn *c, int level, const char *fmt, va_list ap)
{
	static const char service[] = "sluice_conn_log()";
	char about[160];
	struct conn_caller by;
	if (!guard_conn(c, service, &by) || !guard_given(fmt, service, "the text is NULL") ||
		!measure_logs(level))
		return;
	(void)snprintf(about, sizeof(about), "connection from %s to listener %.*s",
		c->info->peer_ip, STR_ARG(c->info->listener->name));
	measure_log(by.plugin->inst, level, about, fmt, ap);
}

__attribute__((format(printf, 3, 4))) static void host_conn_log_format(sluice_conn *c, int level,
	const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	host_conn_log(c, level, fmt, ap);
	va_end(ap);
}

void host_conn_log_text(sluice_conn *c, int level, sluice_str text)
{
	host_conn_log_format(c, level, "%.*s", STR_ARG(text));
}
