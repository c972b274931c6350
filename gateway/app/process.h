/*
 * The running gateway: the main thread with its loop (signals, configuration, admin), the workers,
 * and the configuration in force. Main thread only, unless a comment says otherwise.
 */
#ifndef APP_PROCESS_H
#define APP_PROCESS_H

#include "admin/admin.h"
#include "app/inherited.h"
#include "base/usage.h"
#include "front/count.h"
#include "front/front.h"
#include "net/overload.h"
#include "net/readable.h"
#include "net/signals.h"
#include "proxy/exchange.h"
#include "upstream/discovered.h"

enum { PROCESS_SIGNALS = 5 };
/* ending.c shows the way from SERVING to STOPPING. */
enum process_phase {
	PROCESS_STARTING,
	PROCESS_SERVING,
	PROCESS_LEAVING,  /* not ready any more, but everything is still served */
	PROCESS_DRAINING, /* no new connections */
	PROCESS_REFUSING, /* the grace is over */
	PROCESS_STOPPING,
};

struct logger;
struct access_log;
struct process;

/* A worker's references to the instances of a snapshot that is not in force yet. */
struct prepared {
	struct snapshot *snap;      /* shared: ref; NULL: none */
	struct instance_worker **v; /* owned; shared: ref each */
	size_t n;
};

/* A worker and what belongs to it. Once it runs, its thread alone uses it. */
struct gateway_worker {
	struct worker w;
	struct proxy proxy;
	struct front *front; /* owned */
	struct process *process;
	bool started;
	struct access_log *access; /* owned; NULL: no access log */
	struct prepared prepared;
	struct {                              /* app/watch.c */
		uint64_t asked_ns;            /* main thread: when it was asked; 0: not yet */
		_Atomic uint64_t answered_ns; /* worker: when it last answered */
		bool told;                    /* main thread: its silence was logged */
	} watch;
};

enum resource { RESOURCE_MEMORY, RESOURCE_DESCRIPTORS, RESOURCES = ADMIN_RESOURCES };

/* The last measurement of a resource. */
struct overload_seen {
	struct usage usage;
	uint64_t first; /* from here on new requests are refused; 0: it is not watched */
	enum overload_level level;
};

struct overload {
	struct timer timer;
	struct usage_memory memory;
	uint64_t own_descriptors; /* open at start, so used neither by clients nor by upstreams */
	uint64_t denied;  /* connections to upstreams refused by the quota, at the last look */
	uint64_t trim_ns; /* when malloc_trim() may run next */
	struct overload_seen seen[RESOURCES];
	enum overload_level level; /* the worst level of all resources */
};

struct process_options {
	char *const *argv; /* the whole command line, for a successor */
	const char *file;  /* of the configuration */
	const char *const *plugin_dirs;
	size_t n_plugin_dirs;
};

/* An address that is served. */
struct served {
	struct addr addr;
	struct listener_file file; /* nothing, where it is not ours to remove */
	/* owned array of descriptors that are the workers', without duplicates of one socket. Those
	 * of an address that is served are open. */
	int *fds;
	unsigned n_fds;
	bool lent; /* its sockets are those of who started the process */
};

/* Sockets for a listener that is not served yet. */
struct opened {
	int *fds;       /* owned: worker w gets those at w, w + n_workers, ... */
	unsigned n;     /* at least one for each worker; 0: the address is served */
	unsigned n_own; /* the first of fds, of which the others are duplicates */
	enum inherited_kind inherited;
};

/* app/successor.c: a process that will go on with the sockets of this one. */
struct successor {
	pid_t pid;   /* 0: none is starting */
	int fd;      /* owned: it says that it serves, or closes it */
	bool wanted; /* one is to start when every worker uses the newest snapshot */
	struct readable readable;
	struct timer timer;
};

struct process {
	struct process_options options;
	struct worker main;
	struct gateway_worker *workers; /* owned */
	struct worker **worker_list;    /* owned: pointers to the same */
	unsigned n_workers;
	struct policy policy;
	struct discovered_workers tell; /* of servers that were found */
	struct snapshot *snap;          /* shared: ref */
	struct tls_tickets *tickets;    /* owned */
	struct counts *counts;          /* owned: of connections, shared by the workers */
	struct shares shares;           /* of the workers */
	struct overload overload;
	struct served *served; /* owned */
	size_t n_served;
	enum process_phase phase;
	/* Callbacks of process.c, which the files below call from the loop. */
	/* every worker uses the newest snapshot, and no successor is starting */
	void (*on_applied)(struct process *p);
	void (*on_succeeded)(struct process *p); /* a successor serves */
	void (*on_drained)(struct process *p);   /* no worker has a connection any more */
	unsigned applied;                        /* workers that use the newest snapshot */
	bool reload_wanted;    /* a reload was asked for while one was under way */
	unsigned empty;        /* workers that have drained */
	bool ready;            /* every worker has had a configuration */
	bool checked;          /* the first round of checks of servers is over */
	bool supplied;         /* the dependencies of plugins for which readiness waits are there */
	bool serves;           /* and what follows from that was done */
	bool handed_over;      /* the sockets are another process's, from now on or still */
	struct logger *logger; /* owned; NULL: no access log yet */
	struct admin *admin;   /* owned; NULL: no admin address is configured */
	struct addr admin_addr; /* where it is served */
	bool admin_is_lent;     /* its socket is that of who started the process */
	struct successor successor;
	uint64_t started_ns;
	uint64_t reloads, reloads_failed;
	struct timer ending; /* when its phase ends */
	struct timer tick, watch, beat;
	uint64_t beat_ns; /* between two signs of life to the service manager */
	struct signal_watch signals[PROCESS_SIGNALS];
	int exit_code;
};

/* Run until a signal ends it; the program's exit code. */
int process_run(const struct process_options *o);

/* ---- ending.c: from serving to the end ----------------------------------------------------- */

/* The one door between phases. */
void process_set_phase(struct process *p, enum process_phase to);
/* Let requests finish, then end. Asked again, it goes to the next step at once. */
void process_drain(struct process *p);
/* End at once. */
void process_quit(struct process *p);
/* A successor has the sockets: let requests finish, then end. */
void process_hand_over(struct process *p);
/* For process.c: the timer `ending`; no worker has a connection any more. */
void process_on_ending(struct timer *t);
void process_on_drained(struct process *p);

/* ---- unref.c: letting go of a snapshot ----------------------------------------------------- */

/* Main thread; s may be NULL. */
void snapshot_unref(struct snapshot *s);
/* Any thread: the main thread frees it. */
void snapshot_unref_anywhere(struct snapshot *s);
/* The last reference is gone, on whatever thread: have the main thread free it. */
void snapshot_free_on_main(struct snapshot *s);

/* ---- apply.c: putting a snapshot in force -------------------------------------------------- */

/* Open sockets for new addresses and hand s to every worker. false, with nothing changed, when a
 * socket cannot be opened: d says which. p->on_applied() follows. */
bool apply_snapshot(struct process *p, struct snapshot *s, struct diag *d);

/* ---- sockets.c: listening ------------------------------------------------------------------ */

/* Sockets for the addresses of s that are not served yet, one element for each listener. NULL, with
 * nothing opened: d says which failed. */
struct opened *sockets_open(struct process *p, const struct snapshot *s, struct diag *d);
/* Close them and free v, when s is not put in force. */
void sockets_close(const struct snapshot *s, struct opened *v);
/* s is in force, and the descriptors of v are the workers': record its addresses as served, and
 * remove the files of unix sockets that are no longer served. */
void sockets_settle(struct process *p, const struct snapshot *s, const struct opened *v);
/* The process ends: remove the files of the unix sockets, unless another process has replaced them
 * or taken them over. */
void sockets_end(struct process *p);
/* Add a hint to the last diagnostic: why an address could not be bound. */
void apply_hint(struct diag *d, int err);

/* ---- prepare.c: starting the plugins of a snapshot ----------------------------------------- */

/* Start the new plugin instances of s, on the main thread and on every worker. False, with nothing
 * kept: d says which failed. The workers keep the started ones until apply_snapshot() has handed
 * out s. */
must_use bool prepare_snapshot(struct process *p, struct snapshot *s, struct diag *d);
/* The worker's thread: drop what prepare_snapshot() started. */
void prepared_drop(struct gateway_worker *g);

/* ---- secure.c: what nobody else gets to see ------------------------------------------------ */

/* Before any key is read. */
void secure_start(void);
/* A configuration is in force: permit or forbid core dumps. */
void secure_settle(const struct process *p);

/* ---- limits.c: how much it takes on -------------------------------------------------------- */

/* clients that are counted one by one; and connections, when descriptors are unlimited */
enum { COUNTS_CLIENTS = 1 << 20 };

/* All workers together. */
struct limits {
	/* clients for which there are descriptors, with one upstream connection each */
	uint64_t served;
	struct front_bounds front;
	uint64_t upstream, pipes, fetches;
};
/* Any thread. */
void limits_of(const struct process *p, const struct snapshot *s, struct limits *out);
/* A configuration is in force: apply its shares, and warn when it asks for more than the system
 * permits. */
void limits_settle(struct process *p);

/* ---- overload.c: taking on less while memory or descriptors are short ---------------------- */

/* A configuration is in force, and the workers run. */
void overload_start(struct process *p);
/* Before the workers end. */
void overload_stop(struct process *p);
/* For the admin address. */
void overload_facts(const struct process *p, struct admin_overload *f);

/* ---- logs.c: the access log ---------------------------------------------------------------- */

/* Open the access log of s, or move to it. false: it cannot be opened, d says why. */
bool logs_open(struct process *p, const struct snapshot *s, struct diag *d);
/* The file was renamed: begin a new one. */
void logs_reopen(struct process *p);
/* All workers ended: write what is left. */
void logs_close(struct process *p);

/* ---- control.c: the admin address ---------------------------------------------------------- */

/* Open the admin address, if s has one. orders: callbacks for commands; the rest of it is filled in
 * here. false: it cannot be opened, d says why. */
bool control_open(struct process *p, const struct snapshot *s, const struct admin_env *orders,
	struct diag *d);
/* The process serves: open it, if a predecessor had it until now. */
bool control_go_on(struct process *p, const struct snapshot *s, struct diag *d);
/* The workers run. */
void control_workers(struct process *p);
/* A new configuration is in force: warn of changes that need a restart. */
void control_settle(const struct process *p);
/* Before the workers end; control_free() after. */
void control_close(struct process *p);
void control_free(struct process *p);

/* ---- workers.c: the other threads ---------------------------------------------------------- */

bool workers_start(struct process *p);
/* Accept no more connections, and close idle ones after idle_ns; p->on_drained() follows. What
 * waits in the queues is accepted, unless the sockets were handed over. */
void workers_drain(struct process *p, uint64_t idle_ns);
/* Answer what no server has been asked about with 503. */
void workers_refuse(struct process *p);
void workers_abort(struct process *p);
/* Stop and join the workers; all connections are closed. False: a worker did not end in time, the
 * log says which. */
must_use bool workers_stop(struct process *p);

#endif
