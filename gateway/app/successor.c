/* See successor.h. The sockets are handed over as systemd would do it, by LISTEN_FDS and
 * LISTEN_FDNAMES; the variable SUCCEEDS names the pipe behind them, and stands for LISTEN_PID. */
#include "app/successor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/notify.h"
#include "app/process.h"
#include "base/log.h"
#include "base/mem.h"

#define SUCCESSOR_NS (50 * NS_PER_S) /* to be ready in: `sluice upgrade` waits for a minute */
#define SUCCEEDS "SLUICE_SUCCEEDS"
enum { SUCCESSOR_ENV = 3, READY = 'R' };

/* ---- what it gets -------------------------------------------------------------------------- */

/* Duplicates of the sockets, out of the way of the numbers that they get there. */
struct gifts {
	int *fds; /* owned, and so are the descriptors */
	unsigned n, most;
	struct buf names; /* with colons between */
	int err;
};

static void gifts_add(struct gifts *g, int fd, const char *name)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, INHERITED_FIRST + (int)g->most + 1);
	if (copy < 0) {
		g->err = errno;
		return;
	}
	if (g->n)
		buf_append(&g->names, ":", 1);
	buf_append(&g->names, name, strlen(name));
	g->fds[g->n++] = copy;
}

static bool admin_is_given(const struct process *p)
{
	return p->admin && admin_socket(p->admin) >= 0 && !p->admin_is_lent;
}

static unsigned gifts_count(const struct process *p)
{
	unsigned n = admin_is_given(p);
	int fd;
	for (size_t i = 0; i < p->n_served; i++)
		n += p->served[i].lent ? 0 : p->served[i].n_fds;
	for (unsigned i = 0; inherited_lent(i, &fd); i++)
		n++;
	return n;
}

static void gifts_collect(struct gifts *g, const struct process *p)
{
	const char *name;
	int fd;
	*g = (struct gifts){ .most = gifts_count(p) };
	g->fds = mem_array(int, g->most);
	buf_init(&g->names);
	for (unsigned i = 0; (name = inherited_lent(i, &fd)); i++)
		gifts_add(g, fd, name);
	for (size_t i = 0; i < p->n_served; i++) {
		for (unsigned k = 0; !p->served[i].lent && k < p->served[i].n_fds; k++)
			gifts_add(g, p->served[i].fds[k], INHERITED_GIVEN);
	}
	if (admin_is_given(p))
		gifts_add(g, admin_socket(p->admin), INHERITED_GIVEN);
}

static void gifts_free(struct gifts *g)
{
	while (g->n)
		(void)close(g->fds[--g->n]);
	free(g->fds);
	buf_fini(&g->names);
}

/* ---- starting it --------------------------------------------------------------------------- */

static bool env_is(const char *entry, const char *name)
{
	size_t n = strlen(name);
	return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* Our environment and `own`; without what is meant for this process alone. */
static char **successor_env(char *own[SUCCESSOR_ENV])
{
	size_t n = 0, at = 0;
	while (environ[n])
		n++;
	char **env = mem_array(char *, n + SUCCESSOR_ENV + 1);
	for (size_t i = 0; i < n; i++) {
		if (!env_is(environ[i], "WATCHDOG_PID"))
			env[at++] = environ[i];
	}
	for (unsigned i = 0; i < SUCCESSOR_ENV; i++)
		env[at++] = own[i];
	return env;
}

static char *env_entry(const char *name, sluice_str value)
{
	size_t n = strlen(name) + value.len + 2;
	char *text = mem_zeroed(1, n, "a variable");
	(void)snprintf(text, n, "%s=%.*s", name, STR_ARG(value));
	return text;
}

static char *env_number(const char *name, unsigned value)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", value);
	return env_entry(name, str_n(text, (size_t)n));
}

/* 0, or an errno. */
static int successor_spawn(const struct process *p, struct gifts *g, int report, pid_t *pid)
{
	char *own[SUCCESSOR_ENV] = { env_number("LISTEN_FDS", g->n),
		env_entry("LISTEN_FDNAMES", buf_pullup(&g->names, g->names.len)),
		env_number(SUCCEEDS, INHERITED_FIRST + g->n) };
	char **env = successor_env(own);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int err = 0;
	for (unsigned i = 0; i < g->n && !err; i++)
		err = posix_spawn_file_actions_adddup2(&files, g->fds[i], INHERITED_FIRST + (int)i);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&files, report, INHERITED_FIRST + (int)g->n);
	if (!err)
		err = posix_spawnp(pid, p->options.argv[0], &files, &attr, p->options.argv, env);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	for (unsigned i = 0; i < SUCCESSOR_ENV; i++)
		free(own[i]);
	free(env);
	return err;
}

/* ---- waiting for it ------------------------------------------------------------------------ */

bool successor_is_starting(const struct process *p)
{
	return p->successor.pid > 0;
}

static void successor_forget(struct process *p)
{
	struct successor *s = &p->successor;
	timer_drop(&s->timer);
	readable_stop(&s->readable);
	(void)close(s->fd);
	s->pid = 0;
}

/* End it, and say how it ended. Who has closed its pipe is ending, so this takes no time. */
static void successor_bury(struct process *p, const char *why)
{
	pid_t pid = p->successor.pid;
	int status = 0;
	char text[160];
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	successor_forget(p);
	(void)snprintf(text, sizeof(text), "successor %d %s (it %s %d): this process goes on",
		(int)pid, why, WIFEXITED(status) ? "ended with status" : "was ended by signal",
		WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	log_error("process", "%s", text);
	admin_upgraded(p->admin, 0, text);
}

static void successor_is_ready(struct process *p)
{
	char text[48];
	pid_t pid = p->successor.pid;
	successor_forget(p);
	if (p->reload_wanted) /* it may have read the file before it changed */
		(void)kill(pid, SIGHUP);
	p->reload_wanted = false;
	log_info("process", "successor %d serves: this process ends", (int)pid);
	(void)snprintf(text, sizeof(text), "MAINPID=%d\nWATCHDOG=1", (int)pid);
	notify_send(text);
	notify_stop(); /* from now on the successor speaks for the service */
	admin_upgraded(p->admin, (int)pid, NULL);
	p->on_succeeded(p);
}

static void successor_on_readable(void *ctx)
{
	struct process *p = ctx;
	char said = 0;
	ssize_t n = read(p->successor.fd, &said, 1);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 1 && said == READY)
		successor_is_ready(p);
	else
		successor_bury(p, "could not start");
	if (p->phase == PROCESS_SERVING && p->reload_wanted)
		p->on_applied(p);
}

static void successor_on_late(struct timer *t)
{
	struct process *p = container_of(t, struct process, successor.timer);
	successor_bury(p, "was not ready in time");
	if (p->reload_wanted)
		p->on_applied(p);
}

/* It may serve already, and have connections: then it lets them finish. */
void successor_abandon(struct process *p)
{
	static const char why[] = "this process was told to end, and its successor with it";
	bool was_wanted = p->successor.wanted;
	p->successor.wanted = false;
	if (!successor_is_starting(p)) {
		if (was_wanted)
			admin_upgraded(p->admin, 0, why);
		return;
	}
	(void)kill(p->successor.pid, SIGTERM);
	successor_forget(p);
	log_info("process", "%s", why);
	admin_upgraded(p->admin, 0, why);
}

/* fd, the read end, joins the loop, and is closed with the successor. 0, or an errno. */
static int successor_watch(struct process *p, int fd)
{
	struct successor *s = &p->successor;
	timer_init(&s->timer, successor_on_late);
	s->fd = fd;
	worker_timer(&p->main, &s->timer, SUCCESSOR_NS);
	return -readable_start(&s->readable, &p->main, fd, successor_on_readable, p);
}

static int successor_begin(struct process *p)
{
	struct gifts g;
	int pipe_fds[2];
	pid_t pid = 0;
	gifts_collect(&g, p);
	int err = g.err;
	if (!err && pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		err = errno;
	if (err) {
		gifts_free(&g);
		return err;
	}
	int report = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, INHERITED_FIRST + (int)g.most + 1);
	err = report < 0 ? errno : 0;
	int watched = successor_watch(p, pipe_fds[0]);
	if (!err)
		err = watched ? watched : successor_spawn(p, &g, report, &pid);
	(void)close(pipe_fds[1]);
	if (report >= 0)
		(void)close(report);
	gifts_free(&g);
	p->successor.pid = pid;
	if (err)
		successor_forget(p);
	return err;
}

enum admin_upgrade successor_start(struct process *p)
{
	if (p->phase != PROCESS_SERVING) {
		log_warn("process", "no successor is started: the process does not serve");
		return ADMIN_UPGRADE_ENDING;
	}
	if (successor_is_starting(p))
		return ADMIN_UPGRADE_STARTS;
	/* until then descriptors may change hands */
	p->successor.wanted = p->applied < p->n_workers;
	if (p->successor.wanted)
		return ADMIN_UPGRADE_STARTS;
	unsigned n = gifts_count(p);
	if (n > INHERITED_MAX) {
		log_error("process",
			"no successor is started: it would get %u listening sockets, and a process "
			"takes %d; have fewer listeners or workers, or restart",
			n, INHERITED_MAX);
		admin_upgraded(p->admin, 0,
			"there are too many listening sockets to hand over: see the error log");
		return ADMIN_UPGRADE_TOO_MANY;
	}
	int err = successor_begin(p);
	if (err) {
		log_error("process", "%s cannot be started: %s", p->options.argv[0], strerror(err));
		admin_upgraded(p->admin, 0, "it could not be started: see the error log");
		return ADMIN_UPGRADE_FAILED;
	}
	log_info("process", "successor %d is starting", (int)p->successor.pid);
	return ADMIN_UPGRADE_STARTS;
}

/* ---- the process that comes ---------------------------------------------------------------- */

static int predecessor = -1; /* the pipe */

bool successor_init(void)
{
	const char *text = getenv(SUCCEEDS);
	char *end;
	if (!text)
		return false;
	long fd = *text >= '1' && *text <= '9' ? strtol(text, &end, 10) : -1;
	bool good = fd >= 0 && !*end && fd >= INHERITED_FIRST &&
		fd <= INHERITED_FIRST + INHERITED_MAX && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0;
	(void)unsetenv(SUCCEEDS);
	if (good)
		predecessor = (int)fd;
	return good;
}

bool successor_has_predecessor(void)
{
	return predecessor >= 0;
}

void successor_report(void)
{
	const char ready = READY;
	if (predecessor < 0)
		return;
	if (write(predecessor, &ready, 1) != 1)
		log_warn("process", "the predecessor does not hear that this process serves: %s",
			strerror(errno));
	(void)close(predecessor);
	predecessor = -1;
}
