/*
 * The admin address: health, status and commands over HTTP/1.1. It has its own listener and
 * connections on the main thread's loop, so that a question here cannot delay a request, and it
 * answers as long as the process lives. It knows nothing of app/: what only the process can do is
 * given as callbacks. Main thread.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "admin/gather.h"
#include "config/diag.h"

enum admin_phase {
	ADMIN_STARTING,
	ADMIN_SERVING,
	ADMIN_LEAVING, /* it will drain soon */
	ADMIN_DRAINING
};

/* A worker that hangs. */
enum { ADMIN_SILENT = 16, ADMIN_TEXT = 256 };
struct admin_silent {
	unsigned worker;
	char text[ADMIN_TEXT]; /* for people: since when, and in which code */
};

enum { ADMIN_RESOURCES = 2 };

/* A resource that the process may run short of. */
struct admin_resource {
	const char *name;
	uint64_t used, limit; /* limit 0: not known */
	uint64_t mark;        /* new requests are refused from this use on; 0: never */
	bool is_short;
};

struct admin_overload {
	const char *state;
	struct admin_resource resources[ADMIN_RESOURCES];
};

struct admin_facts {
	enum admin_phase phase;
	unsigned waiting;    /* STARTING: workers that have no configuration yet */
	unsigned unchecked;  /* servers whose first check has not ended, since the start */
	unsigned awaited;    /* dependencies of plugins, since the start; see dependencies.h */
	uint64_t started_ns; /* monotonic */
	/* borrowed for the call: the configuration in force; NULL: none yet */
	const struct snapshot *snap;
	/* configurations that are in force or that requests still use */
	size_t snapshots;
	uint64_t reloads, reloads_failed;
	struct admin_silent silent[ADMIN_SILENT]; /* the first of them */
	unsigned n_silent;
	struct admin_overload overload; /* state NULL: not known */
};

enum admin_reload {
	ADMIN_RELOADED,    /* the new configuration is on its way to the workers */
	ADMIN_RELOAD_BAD,  /* the diagnostics say why; nothing changed */
	ADMIN_RELOAD_BUSY, /* the previous reload has not reached every worker */
	ADMIN_RELOAD_ENDING,
};

enum admin_upgrade {
	ADMIN_UPGRADE_STARTS,   /* admin_upgraded() tells what came of it */
	ADMIN_UPGRADE_FAILED,   /* the log says why */
	ADMIN_UPGRADE_TOO_MANY, /* sockets: more than a process can be given */
	ADMIN_UPGRADE_ENDING,
};

/* What only the process can do. ctx is passed back. */
struct admin_env {
	void *ctx;
	void (*facts)(void *ctx, struct admin_facts *f);
	enum admin_reload (*reload)(void *ctx, struct diag *d);
	void (*reopen)(void *ctx); /* reopen log files, soon */
	/* start a successor, unless one starts already */
	enum admin_upgrade (*upgrade)(void *ctx);
	void (*drain)(void *ctx); /* does nothing when the process drains already */
	void (*stop)(void *ctx);
};

struct admin;

struct admin *admin_new(struct worker *main, const struct admin_env *env);
/* The handler that answers its requests. */
struct handler admin_handler(struct admin *a);
/* Serve on an address. 0, or a negative errno. May be called once. given: a socket that listens
 * there already, which is duplicated; -1: open one. lent: its other owner keeps it, and the file of
 * a unix socket. */
must_use int admin_open(struct admin *a, const struct addr *at, int given, bool lent);
/* The listening socket, for a successor; -1: none. */
int admin_socket(const struct admin *a);
/* To those who asked for an upgrade: the successor of this pid serves; or it does not, and why says
 * what happened. NULL is allowed. */
void admin_upgraded(struct admin *a, int pid, const char *why);
/* A successor serves the address: accept no more. Calls under way are answered. NULL is allowed. */
void admin_hand_over(struct admin *a);
/* The workers run, and can be asked from now on. v is copied. */
void admin_set_workers(struct admin *a, const struct gather_worker *v, unsigned n);
/* Stop serving: connections are closed at once. To be called before the workers end. NULL is
 * allowed. */
void admin_close(struct admin *a);
/* To be called after admin_close(), a turn of the loop, and the end of the workers. Clears *a; NULL
 * is allowed. */
void admin_free(struct admin **a);

#endif
