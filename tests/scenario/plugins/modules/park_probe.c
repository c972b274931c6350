/*
 * park-probe: requests that wait for a thread of the plugin's, and work that outlives them. The
 * thread resumes each ticket several times, also when the request is long gone.
 */
#include <sluice/plugin.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum act {
	ACT_WAIT,       /* for the thread */
	ACT_ALONE,      /* for nobody */
	ACT_BACKGROUND, /* fetch, and go on */
	ACT_LATE,       /* fetch when it is over */
	ACT_ZEROS,      /* resume a ticket of zeros */
	ACT_THREAD,     /* park from another thread */
};
static const char *const acts[] = { "wait", "alone", "background", "late", "zeros", "thread",
	NULL };

struct probe {
	int32_t act;
	sluice_str url;
	uint64_t timeout;
};

static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, struct probe, act, .def = "wait", .choices = acts,
		.doc = "what to do"),
	SLUICE_OPTION(SLUICE_T_STR, struct probe, url, .doc = "what to fetch"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct probe, timeout, .def = "10s", .doc = "of waits"),
	SLUICE_OPTIONS_END,
};

/* ---- the thread: one for all instances, and it outlives them ------------------------------- */

enum { TICKETS = 512 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sluice_ticket tickets[TICKETS]; /* under lock; a ring: the newest take the oldest's place */
static unsigned n_tickets;             /* under lock */

static void *resume_all(void *arg)
{
	static sluice_ticket seen[TICKETS];
	(void)arg;
	for (;;) {
		(void)pthread_mutex_lock(&lock);
		unsigned n = n_tickets < TICKETS ? n_tickets : TICKETS;
		memcpy(seen, tickets, sizeof(seen));
		(void)pthread_mutex_unlock(&lock);
		for (unsigned i = 0; i < n; i++)
			(void)sluice_resume(seen[i]);
		(void)usleep(2000);
	}
	return NULL;
}

static void thread_start(void)
{
	pthread_t t;
	if (pthread_create(&t, NULL, resume_all, NULL) == 0)
		(void)pthread_detach(t);
}

static int probe_start(sluice_instance *inst, void *conf)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)inst, (void)conf;
	return -pthread_once(&once, thread_start);
}

static void probe_stop(sluice_instance *inst, void *conf)
{
	(void)conf;
	sluice_log(inst, SLUICE_LOG_WARN, "stops");
}

/* ---- hooks --------------------------------------------------------------------------------- */

static sluice_verdict parked(sluice_exchange *x, const void *conf, sluice_status st)
{
	(void)conf;
	return sluice_reply(x, st == SLUICE_OK ? 200 : 504, SLUICE_STR("text/plain"),
		SLUICE_STR("woken\n"));
}

static sluice_verdict park(sluice_exchange *x, const struct probe *p)
{
	sluice_ticket t;
	sluice_verdict v = sluice_park(x, p->timeout, &t, parked);
	if (v != SLUICE_WAIT || p->act != ACT_WAIT)
		return v;
	(void)pthread_mutex_lock(&lock);
	tickets[n_tickets++ % TICKETS] = t;
	(void)pthread_mutex_unlock(&lock);
	return v;
}

static void fetched(sluice_work *k, const void *conf, const sluice_fetch_response *r)
{
	unsigned *n = sluice_work_state(k);
	(void)conf;
	sluice_log(sluice_work_instance(k), SLUICE_LOG_WARN, "fetched %d, number %u", r->code,
		++*n);
}

static sluice_verdict fetch(sluice_exchange *x, const struct probe *p)
{
	const sluice_fetch_request r = { .size = sizeof(r), .url = p->url, .timeout_ms = 60000 };
	if (sluice_background(x, &r, fetched) != 0)
		return SLUICE_FAIL;
	return sluice_reply(x, 202, SLUICE_STR("text/plain"), SLUICE_STR("later\n"));
}

static void *park_here(void *x)
{
	sluice_ticket t;
	return (void *)(uintptr_t)sluice_park(x, 1000, &t, parked);
}

static sluice_verdict probe_on_request(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	const sluice_ticket zeros = { 0 };
	pthread_t t;
	void *v = (void *)(uintptr_t)SLUICE_FAIL;
	switch (p->act) {
	case ACT_BACKGROUND:
		return fetch(x, p);
	case ACT_LATE:
		return SLUICE_NEXT;
	case ACT_ZEROS:
		return sluice_resume(zeros) ? SLUICE_FAIL : SLUICE_NEXT;
	case ACT_THREAD:
		if (pthread_create(&t, NULL, park_here, x) == 0)
			(void)pthread_join(t, &v);
		return (sluice_verdict)(uintptr_t)v;
	default:
		return park(x, p);
	}
}

static sluice_verdict probe_on_complete(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	return p->act == ACT_LATE ? fetch(x, p) : SLUICE_NEXT;
}

SLUICE_PLUGIN("park-probe", .summary = "waits for a thread", .options = options,
	.conf_size = sizeof(struct probe), .start = probe_start, .stop = probe_stop,
	.worker_size = sizeof(unsigned), .on_request = probe_on_request,
	.on_complete = probe_on_complete);
