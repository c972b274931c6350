/* The protocol of sd_notify(3): a datagram to a unix socket. Main thread. */
#include "app/notify.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

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
