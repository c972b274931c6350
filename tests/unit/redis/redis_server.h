/*
 * A real redis-server for a test: started in a folder of its own, on a unix socket and, when asked
 * for, on a port of 127.0.0.1. A test that cannot start one fails.
 */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct redis_server {
	char dir[64]; /* owned: removed by server_stop() */
	char socket[96];
	char url[128]; /* unix:... */
	uint16_t port; /* 0: the socket only */
	pid_t pid;
};

/* Make the folder, and start unless told to wait. */
void server_init(struct redis_server *s, bool tcp);
/* config: further lines of redis.conf, NULL: none. Returns when it takes commands. */
void server_start(struct redis_server *s, const char *config);
/* Kill it: connections break. */
void server_kill(struct redis_server *s);
/* Hang, and go on. */
void server_pause(struct redis_server *s);
void server_resume(struct redis_server *s);
/* Kill it and remove the folder. */
void server_fini(struct redis_server *s);

/* Send one inline command over a connection of its own, and return the raw reply, up to a few KiB;
 * static. */
const char *server_command(struct redis_server *s, const char *command);
/* The number behind `name` in INFO or another reply of lines; -1 when there is none. */
long long server_number(struct redis_server *s, const char *command, const char *name);

#endif
