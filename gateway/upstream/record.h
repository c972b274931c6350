/*
 * What the process knows of one server, whatever the worker: one record for each upstream, address
 * and host. The endpoints of all workers hold a reference, so that it lasts over reloads; so does
 * what an operator has set, which is kept when the server goes and comes back.
 *
 * A record is written by whoever learns something: the worker that checks the server, the main
 * thread for an operator, a worker that finds the server silent or whose request fails. Its members
 * are atomics, read one by one. After a change record_tell() has every worker look at it again: a
 * worker keeps what its choices need in the endpoint, so that a request reads no memory that
 * another thread writes.
 */
#ifndef UPSTREAM_RECORD_H
#define UPSTREAM_RECORD_H

#include <stdatomic.h>

#include "base/addr.h"
#include "base/list.h"

struct worker;

/* What an operator has set. */
enum record_order {
	ORDER_READY,
	ORDER_DRAIN,    /* no new requests, except from clients that stick to it */
	ORDER_DISABLED, /* no new requests at all, no checks */
	ORDERS
};

/* What the active checks say. */
enum record_verdict {
	CHECKED_NEVER, /* there are no checks, or the first has not ended */
	CHECKED_UP,
	CHECKED_DOWN,
};

/* How one check ended. */
enum check_result {
	CHECK_PASSED,
	CHECK_NO_CONNECTION,
	CHECK_NO_TLS,
	CHECK_TIMEOUT,
	CHECK_CLOSED,      /* the connection broke before the answer was whole */
	CHECK_PROTOCOL,    /* the answer is malformed */
	CHECK_STATUS,      /* its status is not among the expected ones */
	CHECK_BODY,        /* its body is not what is expected */
	CHECK_NOT_SERVING, /* of gRPC: the service says so, or does not know */
	CHECK_RESULTS
};

#define RECORD_NO_WEIGHT (-1) /* the weight of the file holds */
enum { RECORD_WEIGHT_MAX = 100 };

struct record {
	struct list at; /* in its bucket; under the lock, like refs */
	unsigned refs;
	bool is_kept; /* by what an operator has set; under the lock */
	/* owned, never changed; host: for TLS, else empty */
	sluice_str upstream, host;
	struct addr addr;
	char address[ADDR_TEXT];

	_Atomic uint8_t order;  /* enum record_order */
	_Atomic int32_t weight; /* 0 .. RECORD_WEIGHT_MAX, or RECORD_NO_WEIGHT */

	_Atomic uint8_t verdict;     /* enum record_verdict */
	_Atomic uint8_t last_result; /* enum check_result */
	_Atomic uint16_t
		last_status; /* of the answer to the last check; of gRPC: its code; 0: none */
	_Atomic uint64_t checked_ms; /* wall clock of the end of the last check; 0: none yet */
	_Atomic uint64_t latency_us; /* what it took */
	_Atomic uint64_t n_results[CHECK_RESULTS];

	/* A worker found the server silent since then (monotonic); 0: it is not. */
	_Atomic uint64_t silent_ns;
	_Atomic bool silence_is_told; /* in the log */

	/* What requests say: upstream/rest. Times are monotonic. */
	_Atomic uint32_t failures;      /* in a row, whichever workers saw them */
	_Atomic uint32_t rests;         /* in a row; of the last one with the next two: */
	_Atomic uint64_t rest_ns;       /* its length */
	_Atomic uint64_t rest_of;       /* endpoint_key.tls_identity of who failed */
	_Atomic uint64_t rest_until_ns; /* its end, and then the trial; 0: it is over */
	_Atomic uint64_t doubted_ns;    /* when workers were last told of failures; 0: never */
	_Atomic uint32_t trial_by;      /* a worker's id + 1: a trial is under way; 0: none */
};

/* What a record says at one moment, for the admin. */
struct record_view {
	enum record_order order;
	int weight; /* RECORD_NO_WEIGHT: that of the file */
	enum record_verdict verdict;
	enum check_result last_result;
	unsigned last_status;
	uint64_t checked_ms, latency_us; /* checked_ms 0: no check has ended */
	uint64_t n_results[CHECK_RESULTS];
};
void record_view(const struct record *r, struct record_view *v);

/* Find or make the record; the caller gets a reference. Any thread; takes a lock. */
struct record *record_get(sluice_str upstream, const struct addr *addr, sluice_str host);
struct record *record_ref(struct record *r);
void record_unref(struct record **r);

/* The name of a result: its reason in metrics and status. */
const char *check_result_name(enum check_result r);
const char *record_order_name(enum record_order o);

/* The server has been silent since then; false: that is known. Workers are told. */
bool record_begin_silence(struct record *r, uint64_t since_ns);
/* Something was heard of it. Workers are told, if it was silent. */
void record_end_silence(struct record *r);

/* ---- telling the workers ------------------------------------------------------------------- */

/* Who is told of changes. Main thread, while no worker has a server: before the first
 * configuration, and with n 0 after the workers have ended. v is borrowed. on_change runs on each
 * worker, and owns the reference that it gets. */
void records_set_workers(struct worker *main, struct worker *const *v, unsigned n,
	void (*on_change)(struct worker *w, void *record));
/* Every worker looks at the record again, soon. Any thread that has a loop. */
void record_tell(struct record *r);

/* ---- what operators set -------------------------------------------------------------------- */

struct record_change {
	sluice_str upstream, address; /* as in the status document */
	int order;                    /* enum record_order; -1: as it is */
	/* 0 .. RECORD_WEIGHT_MAX, RECORD_NO_WEIGHT; -2: as it is */
	int weight;
};
enum { RECORD_ORDER_STAYS = -1, RECORD_WEIGHT_STAYS = -2 };

/* Change all records of that upstream and address, whatever the host. Returns how many there are;
 * who: who asked, for the log. Main thread. */
unsigned record_order(const struct record_change *c, const char *who);

/* ---- the first round of checks ------------------------------------------------------------- */

/* A server is checked for the first time; its first result, or the end of its checks, follows. Any
 * thread. */
void records_await(void);
void records_arrive(void);
/* Servers whose first check has not ended. */
unsigned records_awaited(void);

#endif
