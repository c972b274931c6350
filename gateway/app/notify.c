/* The protocol of sd_notify(3): a datagram to a unix socket. Main thread. */
#include "app/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

/* A number in the environment; 0: there is none. */
static uint64_t notify_number(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	return errno || *end ? 0 : n;
}

uint64_t notify_watchdog_ns(void)
{
	uint64_t us = notify_number("WATCHDOG_USEC");
	bool ours = !getenv("WATCHDOG_PID") || notify_number("WATCHDOG_PID") == (uint64_t)getpid();
	return ours && us <= UINT64_MAX / 1000 ? us * 1000 : 0;
}

static bool is_over;

void notify_stop(void)
{
	is_over = true;
}

void notify_send(const char *state)
{
	const char *path = is_over ? NULL : getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char text[128];
	size_t n = path ? strlen(path) : 0;
	if (n < 2 || n >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@') /* an abstract address */
		to.sun_path[0] = 0;
	/* RELOADING must come with the time (systemd 253) */
	int len = snprintf(text, sizeof(text), "%s\nMONOTONIC_USEC=%llu", state,
		(unsigned long long)(clock_ns() / 1000));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, (size_t)len, MSG_NOSIGNAL, (struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	(void)close(fd);
}
