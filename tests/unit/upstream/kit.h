/* What the tests of upstreams share: servers on threads of their own, a loop that runs until a
 * condition is true, and a probe: the smallest possible exchange. */
#ifndef KIT_H
#define KIT_H

#include <pthread.h>
#include <stdatomic.h>

#include "unit.h"
#include "upstream/upstream.h"

enum serve_mode {
	SERVE_OK,      /* 200 with its name as the body, kept alive */
	SERVE_CLOSE,   /* the same, then it closes without `Connection: close` */
	SERVE_ABORT,   /* ends the connection instead of answering */
	SERVE_GARBAGE, /* not HTTP */
	SERVE_REPLY,   /* what `reply` says */
	SERVE_SILENT,  /* reads and does not answer */
};

enum { SERVER_CONNS = 128 };

struct test_server {
	pthread_t thread;
	int listen_fd, wake_fd;
	uint16_t port;
	char name[16];
	char address[32];
	_Atomic int mode;
	_Atomic unsigned accepted, served, open; /* connections, requests, connections now */
	_Atomic bool drop_all;                   /* close all open connections, once */
	const char *reply;                       /* set before the mode */
	char request[4096];                      /* the last one: read when its answer is there */
	struct ssl_ctx_st *tls;                  /* NULL: plain */
	int fds[SERVER_CONNS];
	struct ssl_st *ssl[SERVER_CONNS];
	int n_fds;
};

/* port 0: any. */
void server_up(struct test_server *s, const char *name, uint16_t port);
void server_up_tls(struct test_server *s, const char *name, struct ssl_ctx_st *tls);
void server_down(struct test_server *s);
void server_drop_all(struct test_server *s); /* returns when done */
/* A port on which no process listens. */
uint16_t port_unused(void);

extern struct worker kit_worker;
int kit_setup(void **state);
int kit_teardown(void **state);
/* Run the loop until *flag is set, for at most ms. Returns *flag. */
bool kit_run(const bool *flag, unsigned ms);
void kit_stop(void); /* from a callback: look at the flag */
void kit_pass(unsigned ms);
/* Wait until a count of a server's thread has this value. */
void kit_sees(const _Atomic unsigned *n, unsigned want);

struct probe {
	struct upstream_call call;
	struct arena arena;
	bool auto_finish; /* send a request as soon as it is ready, report and release at its end */
	bool retry;       /* with auto_finish: try again where the exchange would */
	struct upstream *upstream;
	unsigned opens;
	bool ready, ended, done; /* done: failed, or ended */
	int err;                 /* of the open or of the request */
	int status;
	char body[64];
	unsigned body_len;
};

void probe_init(struct probe *p);
/* Open a call. A result that is there at once is handled like a later one. */
void probe_open(struct probe *p, struct upstream *u);
void probe_send(struct probe *p);
void probe_finish(struct probe *p, int err); /* report and release */
void probe_fini(struct probe *p);
/* A whole request: 0 and the body, or the error. */
int kit_get(struct upstream *u, struct probe *p);

/* A configuration with short times for these addresses; "a:1*3" has weight 3. */
struct test_conf {
	struct upstream_conf conf;
	struct upstream_server servers[32];
	char text[32][64];
};
void conf_make(struct test_conf *c, const char *name, const char *const *addresses);

struct endpoint_view kit_view(const char *address);
struct endpoint;
/* Begin a request to it. Whether that is its trial. */
bool kit_tries(struct endpoint *e);

#endif
