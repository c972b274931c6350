/*
 * The admin address: health, status and commands over HTTP/1.1. A listener and connections of its
 * own, on the main thread's loop, so that nothing asked here can hold up a request, and so that it
 * answers as long as the process lives. It knows nothing of app/: what only the process can do
 * comes in as callbacks. Main thread.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "admin/gather.h"
#include "config/diag.h"

enum admin_phase { ADMIN_STARTING, ADMIN_SERVING, ADMIN_DRAINING };

/* A worker that stands still. */
enum { ADMIN_SILENT = 16, ADMIN_TEXT = 256 };
struct admin_silent {
	unsigned worker;
	char text[ADMIN_TEXT]; /* for people: how long, and in what */
};

enum { ADMIN_RESOURCES = 2 };

/* What the process may run short of. */
struct admin_resource {
	const char *name;
	uint64_t used, limit; /* limit 0: not known */
	uint64_t mark;        /* from here on new requests are refused; 0: never */
	bool is_short;
};

struct admin_overload {
	const char *state;
	struct admin_resource resources[ADMIN_RESOURCES];
};

struct admin_facts {
	enum admin_phase phase;
	unsigned waiting;    /* STARTING: workers that have no configuration yet */
	uint64_t started_ns; /* monotonic */
	/* borrowed for the call: the configuration in force; NULL: none yet */
	const struct snapshot *snap;
	/* configurations that requests still use, this one included */
	size_t snapshots;
	uint64_t reloads, reloads_failed;
	struct admin_silent silent[ADMIN_SILENT]; /* the first of them */
	unsigned n_silent;
	struct admin_overload overload; /* state NULL: not known */
};

enum admin_reload {
	ADMIN_RELOADED,    /* it is on its way to the workers */
	ADMIN_RELOAD_BAD,  /* the diagnostics say why; nothing changed */
	ADMIN_RELOAD_BUSY, /* the one before has not reached every worker */
	ADMIN_RELOAD_ENDING,
};

/* What only the process can do. ctx is passed back. */
struct admin_env {
	void *ctx;
	void (*facts)(void *ctx, struct admin_facts *f);
	enum admin_reload (*reload)(void *ctx, struct diag *d);
	void (*reopen)(void *ctx); /* log files, soon */
	void (*drain)(void *ctx);  /* does nothing when it drains already */
	void (*stop)(void *ctx);
};

struct admin;

struct admin *admin_new(struct worker *main, const struct admin_env *env);
/* What answers its requests. */
struct handler admin_handler(struct admin *a);
/* Serve on an address. 0, or a negative errno. Once. */
must_use int admin_open(struct admin *a, const struct addr *at);
/* The workers run: they can be asked from now on. v is copied. */
void admin_set_workers(struct admin *a, const struct gather_worker *v, unsigned n);
/* Serve no more: connections are closed at once. Before the workers end. NULL is fine. */
void admin_close(struct admin *a);
/* After admin_close(), a turn of the loop, and the end of the workers. Clears *a; NULL is fine. */
void admin_free(struct admin **a);

#endif
