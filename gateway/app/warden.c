/* The thread that makes sure that the process ends. See warden.h. */
#include "app/warden.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/threads.h"
#include "policy/running.h"

#define QUIT_NS (10 * NS_PER_S) /* from SIGQUIT to the end of the process */
#define SILENT_NS (5 * NS_PER_S)
enum { LAST_LINES_MS = 500 };

static struct {
	pthread_t thread;
	struct worker *main; /* borrowed */
	void (*on_quit)(struct worker *w, void *arg);
	void *arg;
	_Atomic uint64_t deadline_ns; /* 0: none */
	/* when the main thread was asked for a sign of life; 0: it has answered */
	_Atomic uint64_t asked_ns;
	_Atomic bool over;
	bool runs; /* main thread's */
} warden;

void warden_end(int status)
{
	log_stop(LAST_LINES_MS);
	_exit(status);
}

void warden_limit(uint64_t ns)
{
	uint64_t now = clock_ns(), until = now + ns, old = atomic_load(&warden.deadline_ns);
	while ((!old || until < old) &&
		!atomic_compare_exchange_weak(&warden.deadline_ns, &old, until))
		;
}

static void warden_say_main(const char *what)
{
	char text[192];
	bool plugin = running_text(warden.main, text, sizeof(text));
	log_error("process", "the main thread does not answer%s%s%s", plugin ? ": " : "", text,
		what);
}

static void warden_on_main(struct worker *w, void *arg)
{
	(void)w, (void)arg;
	atomic_store(&warden.asked_ns, 0);
}

static void warden_look(bool *told)
{
	uint64_t asked = atomic_load(&warden.asked_ns), now = clock_ns();
	if (!asked) {
		if (*told)
			log_warn("process", "the main thread answers again");
		*told = false;
		atomic_store(&warden.asked_ns, now);
		worker_post(warden.main, warden_on_main, NULL);
	} else if (now - asked >= SILENT_NS && !*told) {
		*told = true;
		warden_say_main("");
	}
}

static void *warden_run(void *arg)
{
	const struct timespec second = { .tv_sec = 1 };
	bool told = false;
	sigset_t quit;
	(void)arg;
	(void)sigemptyset(&quit);
	(void)sigaddset(&quit, SIGQUIT);
	for (;;) {
		int sig = sigtimedwait(&quit, NULL, &second);
		if (atomic_load(&warden.over))
			break;
		if (sig == SIGQUIT) {
			warden_limit(QUIT_NS);
			worker_post(warden.main, warden.on_quit, warden.arg);
		}
		uint64_t deadline = atomic_load(&warden.deadline_ns);
		if (deadline && clock_ns() >= deadline) {
			warden_say_main(": the process is ended");
			warden_end(WARDEN_FORCED);
		}
		if (!deadline)
			warden_look(&told);
	}
	return NULL;
}

bool warden_start(struct worker *main, void (*on_quit)(struct worker *w, void *arg), void *arg)
{
	sigset_t set;
	warden.main = main;
	warden.on_quit = on_quit;
	warden.arg = arg;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGQUIT);
	/* in this thread and in those it makes from now on */
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigset_t before;
	threads_begin(&before);
	errno = pthread_create(&warden.thread, NULL, warden_run, NULL);
	if (errno == 0)
		(void)pthread_setname_np(warden.thread, "sluice-warden");
	bool ok = warden.runs = errno == 0;
	threads_end(&before);
	return ok;
}

void warden_stop(void)
{
	if (!warden.runs)
		return;
	atomic_store(&warden.over, true);
	(void)pthread_kill(warden.thread, SIGQUIT);
	(void)pthread_join(warden.thread, NULL);
}
