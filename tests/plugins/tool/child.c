/* Runs in processes of their own. See child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { OUTCOME_MAX = 64 << 20, READ = 65536 };

/* What a child writes into one pipe. */
struct intake {
	int fd; /* owned; -1: it is closed */
	char *text;
	size_t n, max;
};

static void write_all(int fd, sluice_str s)
{
	while (s.len) {
		ssize_t n = write(fd, s.data, s.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(3);
		s = str_n(s.data + n, s.len - (size_t)n);
	}
}

static _Noreturn void child_main(int result, int said, void (*fn)(void *ctx, struct outcome *o),
	void *ctx)
{
	struct outcome o;
	struct arena a;
	(void)dup2(said, STDOUT_FILENO);
	(void)dup2(said, STDERR_FILENO);
	outcome_init(&o);
	arena_init(&a, 0);
	fn(ctx, &o);
	write_all(result, outcome_write(&o, &a));
	arena_fini(&a);
	outcome_fini(&o);
	(void)close(result);
	exit(0); /* as a program does: a leak checker runs then */
}

/* Read what is there. False: the pipe is closed. */
static bool intake_read(struct intake *i)
{
	char buf[READ];
	ssize_t n = read(i->fd, buf, sizeof(buf));
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		(void)close(i->fd);
		i->fd = -1;
		return false;
	}
	size_t room = i->max - i->n, take = (size_t)n < room ? (size_t)n : room;
	i->text = mem_resize(i->text, i->n + take + 1, 1, "what a run prints");
	memcpy(i->text + i->n, buf, take);
	i->n += take;
	return true;
}

/* Read both until they are closed, or the time is up, which is false. */
static bool intake_both(struct intake v[2], uint64_t until_ns)
{
	while (v[0].fd >= 0 || v[1].fd >= 0) {
		struct pollfd p[2] = { { .fd = v[0].fd, .events = POLLIN },
			{ .fd = v[1].fd, .events = POLLIN } };
		uint64_t now = clock_ns();
		if (now >= until_ns)
			return false;
		int ms = (int)((until_ns - now) / NS_PER_MS) + 1;
		if (poll(p, 2, ms) < 0 && errno != EINTR)
			return false;
		for (int i = 0; i < 2; i++) {
			if (p[i].fd >= 0 && p[i].revents)
				(void)intake_read(&v[i]);
		}
	}
	return true;
}

static void child_judge(struct child *c, bool in_time, int status)
{
	c->end = CHILD_DONE;
	if (!in_time) {
		c->end = CHILD_HANGS;
	} else if (WIFSIGNALED(status)) {
		c->end = CHILD_CRASHED;
		c->status = WTERMSIG(status);
	} else if (WEXITSTATUS(status) != 0) {
		c->end = CHILD_EXITED;
		c->status = WEXITSTATUS(status);
	}
}

static void pipe_open(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) < 0) {
		perror("sluice-plugin-test: a pipe");
		exit(2);
	}
}

void child_run(struct child *c, void (*fn)(void *ctx, struct outcome *o), void *ctx,
	unsigned seconds)
{
	int result[2], said[2], status = 0;
	pipe_open(result);
	pipe_open(said);
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		perror("sluice-plugin-test: fork");
		exit(2);
	}
	if (pid == 0) {
		(void)close(result[0]);
		(void)close(said[0]);
		child_main(result[1], said[1], fn, ctx);
	}
	(void)close(result[1]);
	(void)close(said[1]);
	struct intake v[2] = { { .fd = result[0], .max = OUTCOME_MAX },
		{ .fd = said[0], .max = CHILD_SAID } };
	*c = (struct child){ .end = CHILD_DONE };
	outcome_init(&c->outcome);
	bool in_time = intake_both(v, clock_ns() + seconds * NS_PER_S);
	if (!in_time)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child_judge(c, in_time, status);
	if (c->end == CHILD_DONE && !outcome_read(&c->outcome, str_n(v[0].text, v[0].n)))
		c->end = CHILD_EXITED;
	c->said = arena_str(&c->outcome.arena, str_n(v[1].text, v[1].n));
	for (int i = 0; i < 2; i++) {
		if (v[i].fd >= 0)
			(void)close(v[i].fd);
		free(v[i].text);
	}
}

void child_fini(struct child *c)
{
	outcome_fini(&c->outcome);
}
