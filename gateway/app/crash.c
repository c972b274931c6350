/* Reports crashes. See crash.h. All of it runs in a signal handler: nothing here allocates, locks
 * or uses stdio. */
#include "app/crash.h"

#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sanitize.h"
#include "base/sink.h"
#include "net/worker.h"
#include "policy/conn.h"
#include "policy/run.h"
#include "policy/running.h"
#include "policy/timeline.h"
#include "proxy/exchange.h"

enum {
	STACK_BYTES = 64 << 10,
	FRAMES = 48,
	NAME_MAX_BYTES = 128,
	EVENTS = 8,     /* entries of a timeline that are told, the last ones */
	QUEUE_MS = 200, /* how long to wait until earlier log lines are written */
	ALARM_S = 5,    /* the process ends after this time even when the handler hangs */
};

static const struct {
	int sig;
	const char *name;
} signals[] = { { SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" }, { SIGABRT, "SIGABRT" },
	{ SIGFPE, "SIGFPE" }, { SIGILL, "SIGILL" } };
enum { N_SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static bool is_journal;
static __thread void *own_stack;

/* ---- a line -------------------------------------------------------------------------------- */

struct line {
	size_t n;
	char text[2048];
};

static void line_add_n(struct line *l, const char *s, size_t n)
{
	for (size_t i = 0; i < n && l->n < sizeof(l->text) - 1; i++) {
		unsigned char c = (unsigned char)s[i];
		l->text[l->n++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
	}
}

static void line_add(struct line *l, const char *s)
{
	line_add_n(l, s, strlen(s));
}

static void line_add_uint(struct line *l, uint64_t v, unsigned base)
{
	char digits[24];
	size_t at = sizeof(digits);
	do {
		digits[--at] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	line_add_n(l, digits + at, sizeof(digits) - at);
}

/* Read memory that may be invalid by a system call, which fails where an access would crash
 * again. */
static bool crash_peek(void *to, const void *from, size_t n)
{
	struct iovec here = { to, n }, there = { (void *)(uintptr_t)from, n };
	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)n;
}

static void line_add_str(struct line *l, const char *before, sluice_str s)
{
	char text[NAME_MAX_BYTES];
	size_t n = s.len < sizeof(text) ? s.len : sizeof(text);
	if (!n || !crash_peek(text, s.data, n))
		return;
	line_add(l, before);
	line_add_n(l, text, n);
}

static void line_add_c_str(struct line *l, const char *before, const char *s)
{
	char text[NAME_MAX_BYTES];
	size_t n = 0;
	while (n < sizeof(text) && crash_peek(text + n, s + n, 1) && text[n])
		n++;
	line_add(l, before);
	line_add_n(l, text, n);
}

/* ---- what ran ------------------------------------------------------------------------------ */

static void line_add_thread(struct line *l)
{
	if (!worker_self) {
		line_add(l, " on a thread of its own");
	} else if (worker_self->id == WORKER_MAIN) {
		line_add(l, " on the main thread");
	} else if (worker_self->id == WORKER_RESOLVER) {
		line_add(l, " on the thread that looks up names");
	} else if (worker_self->id == WORKER_SINK) {
		line_add(l, " on the thread of a log sink");
	} else {
		line_add(l, " on worker ");
		line_add_uint(l, worker_self->id, 10);
	}
}

/* Add the state of the exchange px. */
static void line_add_state(struct line *l, const void *px)
{
	uint8_t state;
	const char *at = (const char *)px + offsetof(struct exchange, state);
	if (!crash_peek(&state, at, sizeof(state)) || state >= EXCHANGE_STATES)
		return;
	line_add(l, " in state ");
	line_add(l, exchange_state_info((enum exchange_state)state)->name);
}

/* The exchange whose hook runs on this thread; NULL: none does, or it cannot be read. */
static const sluice_exchange *crash_exchange(void)
{
	static sluice_exchange x; /* static: it is large, and only one thread gets here */
	const sluice_exchange *at = worker_self &&
			running_is_of_exchange(
				atomic_load_explicit(&worker_self->running, memory_order_relaxed))
		? worker_self->running_for
		: NULL;
	return at && crash_peek(&x, at, sizeof(x)) ? &x : NULL;
}

/* Add the peer of the connection whose hook runs. */
static void line_add_peer(struct line *l)
{
	sluice_conn c;
	struct conn_info info;
	if (crash_peek(&c, worker_self->running_for, sizeof(c)) &&
		crash_peek(&info, c.info, sizeof(info)))
		line_add_c_str(l, ", peer ", info.peer_ip);
}

static void line_add_plugin(struct line *l, const sluice_exchange *x)
{
	static sluice_instance inst; /* static: see crash_exchange() */
	static sluice_plugin plugin;
	uintptr_t word =
		worker_self ? atomic_load_explicit(&worker_self->running, memory_order_relaxed) : 0;
	if (!word || !crash_peek(&inst, running_instance(word), sizeof(inst)))
		return;
	line_add_str(l, ", plugin instance ", inst.name);
	if (crash_peek(&plugin, inst.plugin, offsetof(sluice_plugin, name) + sizeof(plugin.name)))
		line_add_c_str(l, ", plugin ", plugin.name);
	line_add(l, ", in ");
	line_add(l, running_call_name(word));
	if (running_is_of_conn(word))
		line_add_peer(l);
	if (!x)
		return;
	line_add_str(l, ", route ", x->route_name);
	line_add_str(l, ", request ", x->request_id);
	line_add_state(l, worker_self->running_for);
}

/* "12.3 ms", rounded down; up to 3 decimals. */
static void line_add_ms(struct line *l, uint64_t us, unsigned decimals)
{
	line_add_uint(l, us / 1000, 10);
	line_add(l, ".");
	for (unsigned unit = 100; decimals; decimals--, unit /= 10)
		line_add_uint(l, us / unit % 10, 10);
	line_add(l, " ms");
}

static void line_add_event(struct line *l, const struct timeline_entry *e)
{
	line_add_ms(l, e->at_us, 1);
	line_add_c_str(l, " ", e->what);
	line_add_str(l, " ", e->which);
	if (e->took_us) {
		line_add(l, " (");
		line_add_ms(l, e->took_us, 3);
		line_add(l, ")");
	}
	if (e->more)
		line_add_c_str(l, ": ", e->more);
	line_add(l, ", ");
}

static void crash_begin(struct line *l)
{
	l->n = 0;
	line_add(l, is_journal ? "<2>" : "");
	line_add(l, "sluice: crash: ");
}

static void crash_end(struct line *l)
{
	l->text[l->n++] = '\n';
	sink_last_words(l->text, l->n);
}

static void crash_say(int sig, const siginfo_t *info, const sluice_exchange *x)
{
	struct line l;
	crash_begin(&l);
	for (int i = 0; i < N_SIGNALS; i++) {
		if (signals[i].sig == sig)
			line_add(&l, signals[i].name);
	}
	if (info->si_code <= 0) { /* the signal was sent by a process, not raised by a fault */
		line_add(&l, " sent by process ");
		line_add_uint(&l, (uint64_t)info->si_pid, 10);
	} else {
		line_add(&l, " at address 0x");
		line_add_uint(&l, (uintptr_t)info->si_addr, 16);
	}
	line_add_thread(&l);
	line_add_plugin(&l, x);
	crash_end(&l);
}

/* The last entries of the exchange's timeline, where it has one. */
static void crash_say_story(const sluice_exchange *x)
{
	static struct timeline t; /* static: see crash_exchange() */
	struct line l;
	if (!x || !x->timeline || !crash_peek(&t, x->timeline, sizeof(t)))
		return;
	uint32_t first = t.n > EVENTS ? t.n - EVENTS : 0;
	crash_begin(&l);
	line_add_str(&l, "request ", x->request_id);
	line_add(&l, ": ");
	if (first) {
		line_add(&l, "(");
		line_add_uint(&l, first, 10);
		line_add(&l, " earlier), ");
	}
	for (uint32_t i = first; i < t.n; i++)
		line_add_event(&l, &t.v[i % TIMELINE_MAX]);
	line_add_ms(&l, (clock_ns() - t.start_ns) / 1000, 1);
	line_add(&l, " crash");
	crash_end(&l);
}

static void crash_say_where(void)
{
	void *frames[FRAMES];
	struct sink s;
	int n = backtrace(frames, FRAMES);
	sink_borrow(&s, STDERR_FILENO);
	if (s.kind != SINK_NONE)
		backtrace_symbols_fd(frames, n, s.fd);
	sink_close(&s);
}

static void crash_on_signal(int sig, siginfo_t *info, void *context)
{
	static _Atomic bool first = false;
	(void)context;
	if (atomic_exchange(&first, true)) {
		for (;;) /* another thread is reporting a crash and will end the process */
			(void)pause();
	}
	(void)alarm(ALARM_S);
	(void)log_drain(QUEUE_MS);
	const sluice_exchange *x = crash_exchange();
	crash_say(sig, info, x);
	crash_say_story(x);
	crash_say_where();
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	(void)sigaction(sig, &by_default, NULL);
	(void)raise(sig); /* delivered when the handler returns */
}

/* ---- setting up ---------------------------------------------------------------------------- */

void crash_thread_init(void)
{
	stack_t s = { .ss_size = STACK_BYTES };
	s.ss_sp =
		mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s.ss_sp == MAP_FAILED)
		return;
	own_stack = s.ss_sp;
	(void)sigaltstack(&s, NULL);
}

void crash_thread_fini(void)
{
	const stack_t none = { .ss_flags = SS_DISABLE };
	if (!own_stack)
		return;
	(void)sigaltstack(&none, NULL);
	(void)munmap(own_stack, STACK_BYTES);
	own_stack = NULL;
}

void crash_init(void)
{
	struct sigaction a = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
	void *frame;
	a.sa_sigaction = crash_on_signal;
	(void)sigemptyset(&a.sa_mask);
	is_journal = log_is_journal();
	/* its first call loads a library, which the handler must not do */
	(void)backtrace(&frame, 1);
#if MEMORY_IS_WATCHED
	return; /* the sanitizer's own report says more */
#else
	crash_thread_init();
	for (int i = 0; i < N_SIGNALS; i++)
		(void)sigaction(signals[i].sig, &a, NULL);
#endif
}
