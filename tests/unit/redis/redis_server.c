/* A redis-server for tests. Nothing here is for the program. */
#include "redis_server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 20000 };

/* A test that has no server has failed. */
#define require(cond, ...)                                                   \
	do {                                                                 \
		if (!(cond)) {                                               \
			(void)fprintf(stderr, "redis_server: " __VA_ARGS__); \
			(void)fputc('\n', stderr);                           \
			abort();                                             \
		}                                                            \
	} while (0)

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	(void)nanosleep(&t, NULL);
}

static uint16_t free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0 &&
			getsockname(fd, (struct sockaddr *)&in, &len) == 0,
		"no free port: errno %d", errno);
	(void)close(fd);
	return ntohs(in.sin_port);
}

void server_init(struct redis_server *s, bool tcp)
{
	memset(s, 0, sizeof(*s));
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/sluice-redis-XXXXXX");
	require(mkdtemp(s->dir), "no temporary folder: errno %d", errno);
	(void)snprintf(s->socket, sizeof(s->socket), "%s/redis.sock", s->dir);
	(void)snprintf(s->url, sizeof(s->url), "unix:%s", s->socket);
	s->port = tcp ? free_port() : 0;
}

static int server_connect(const struct redis_server *s)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", s->socket);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static void server_exec(const struct redis_server *s, const char *config)
{
	char path[96], log[96];
	(void)snprintf(path, sizeof(path), "%s/redis.conf", s->dir);
	(void)snprintf(log, sizeof(log), "%s/redis.log", s->dir);
	FILE *f = fopen(path, "w");
	if (!f)
		_exit(127);
	(void)fprintf(f,
		"port %u\nbind 127.0.0.1\nunixsocket %s\nsave \"\"\nappendonly no\ndir %s\nlogfile "
		"%s\n%s\n",
		s->port, s->socket, s->dir, log, config ? config : "");
	(void)fclose(f);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)execlp("redis-server", "redis-server", path, (char *)NULL);
	_exit(127);
}

void server_start(struct redis_server *s, const char *config)
{
	(void)unlink(s->socket);
	s->pid = fork();
	require(s->pid >= 0, "no process for redis-server: errno %d", errno);
	if (s->pid == 0)
		server_exec(s, config);
	for (int ms = 0; ms < START_MS; ms += 5) {
		int status, fd = server_connect(s);
		if (fd >= 0) {
			(void)close(fd);
			return;
		}
		require(waitpid(s->pid, &status, WNOHANG) == 0,
			"redis-server did not start: is it installed? status %d", status);
		sleep_ms(5);
	}
	require(0, "redis-server takes no connection after %d ms", START_MS);
}

void server_kill(struct redis_server *s)
{
	if (s->pid <= 0)
		return;
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void server_pause(struct redis_server *s)
{
	int status;
	require(kill(s->pid, SIGSTOP) == 0, "kill: errno %d", errno);
	require(waitpid(s->pid, &status, WUNTRACED) == s->pid && WIFSTOPPED(status),
		"not stopped: status %d", status);
}

void server_resume(struct redis_server *s)
{
	require(kill(s->pid, SIGCONT) == 0, "kill: errno %d", errno);
}

void server_fini(struct redis_server *s)
{
	static const char *const files[] = { "redis.conf", "redis.log", "redis.sock" };
	char path[96];
	server_kill(s);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", s->dir, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(s->dir);
}

const char *server_command(struct redis_server *s, const char *command)
{
	static char reply[32768];
	struct timeval most = { 5, 0 };
	size_t len = 0;
	int fd = server_connect(s);
	require(fd >= 0, "no connection to redis-server: errno %d", errno);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
	/* so that the end of the reply is the end */
	(void)snprintf(reply, sizeof(reply), "%s\r\nQUIT\r\n", command);
	ssize_t n = send(fd, reply, strlen(reply), MSG_NOSIGNAL);
	while (n > 0 && len < sizeof(reply) - 1) {
		n = recv(fd, reply + len, sizeof(reply) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	reply[len] = 0;
	return reply;
}

long long server_number(struct redis_server *s, const char *command, const char *name)
{
	const char *text = server_command(s, command), *at = strstr(text, name);
	return at ? strtoll(at + strlen(name), NULL, 10) : -1;
}
