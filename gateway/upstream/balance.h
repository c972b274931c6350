/*
 * Choosing the next server. A balance knows the candidates of one upstream on one worker: the
 * addresses of its servers. Its algorithm, a table of functions, chooses among those that are
 * ready; what happens when none is ready is the same for all algorithms. Its worker's thread only.
 */
#ifndef UPSTREAM_BALANCE_H
#define UPSTREAM_BALANCE_H

#include "base/list.h"
#include "upstream/conf.h"
#include "upstream/endpoint.h"

struct balance;
struct balance_ask;
struct request_head;

/* Chooses in the place of an algorithm: a plugin. */
struct balance_chooser {
	/* The index of a server that may be chosen (sluice_may_choose()), BALANCE_NO_CHOICE or
	 * BALANCE_NO_CHOOSER. The caller has filled choice but for what is the plugin's own. x:
	 * borrowed; NULL: no exchange. */
	int (*choose)(const struct balance_chooser *c, sluice_exchange *x, sluice_choice *choice);
	/* NULL: what choose() returns is done. Else the algorithm chooses all the same, and this is
	 * told where it has chosen another server. */
	void (*on_other)(const struct balance_chooser *c, sluice_exchange *x,
		const sluice_server *wanted);
};
enum {
	BALANCE_NO_CHOICE = -1,  /* the algorithm chooses */
	BALANCE_NO_CHOOSER = -2, /* it failed, and so does the request */
};

/* One server address in one balance. */
struct candidate {
	struct balance *balance;     /* borrowed */
	struct endpoint *endpoint;   /* shared: ref */
	struct endpoint_watch watch; /* of the endpoint's load and state */
	uint32_t weight;
	uint32_t place; /* in balance.all */
	uint64_t turn;  /* of its last choice */
	bool ready;     /* the algorithm may choose it */
	/* Of the algorithm alone. */
	uint64_t rank;
	uint32_t heap_place;
};

struct balance {
	const struct balance_ops *ops;
	void *own;              /* owned: memory of the algorithm */
	struct candidate **all; /* owned, of size cap */
	uint32_t n, n_ready, cap;
	bool by_load, by_request;           /* what the algorithm looks at */
	uint64_t turn;                      /* counts choices */
	void (*on_room)(struct balance *b); /* a candidate became ready */
};

enum balance_result {
	BALANCE_CHOSEN,
	BALANCE_BUSY,   /* the servers that are up are full: wait */
	BALANCE_NONE,   /* every server was tried */
	BALANCE_FAILED, /* the plugin that chooses could not do its work */
};

/* What an algorithm does. */
struct balance_ops {
	void (*init)(struct balance *b);
	void (*fini)(struct balance *b); /* after the last candidate was removed */
	/* See balance_key(). NULL: it does not look at requests. */
	uint64_t (*key)(const struct balance *b, const struct request_head *request);
	/* c was made, and is not ready; update() follows. */
	void (*add)(struct balance *b, struct candidate *c);
	void (*remove)(struct balance *b, struct candidate *c); /* c is not ready any more */
	bool by_load; /* update() is called for changes of load too */
	/* c->ready, its weight or the load of its endpoint changed. was_ready: c->ready before. */
	void (*update)(struct balance *b, struct candidate *c, bool was_ready);
	/* BALANCE_CHOSEN: *out is ready and not among the tried. BALANCE_NONE: there is none such.
	 * BALANCE_FAILED. */
	enum balance_result (
		*choose)(struct balance *b, const struct balance_ask *ask, struct candidate **out);
};

void balance_init(struct balance *b, enum upstream_balance kind,
	void (*on_room)(struct balance *b));
/* Before the first candidate: have a plugin choose, and the algorithm where that chooses none.
 * chooser lives as long as the balance; so does upstream, its name. */
void balance_ask_plugin(struct balance *b, sluice_str upstream,
	const struct balance_chooser *chooser);
void balance_fini(struct balance *b); /* removes all candidates */
/* Takes a reference to the endpoint. */
struct candidate *balance_add(struct balance *b, struct endpoint *e, unsigned weight);
void balance_remove(struct candidate *c);
void balance_set_weight(struct candidate *c, unsigned weight);

/* What names a server to plugins: sluice_server.key. host: for TLS, else empty. It must not change
 * with the version of the gateway: choices that stick to a server would be lost. Any thread. */
uint64_t balance_server_key(sluice_str address, sluice_str host);

/* What a choice depends on. */
struct balance_ask {
	const uint64_t *tried; /* ids of endpoints that must not be chosen */
	unsigned n_tried;
	/* id of the one endpoint that may be chosen, whatever its health, to probe it; 0: any */
	uint64_t only;
	/* a server that is known to be down is no choice, also when there is no other */
	bool none_down;
	/* borrowed for the call; NULL: there is no request */
	const struct request_head *request;
	uint64_t key;              /* balance_key() of the request */
	sluice_exchange *exchange; /* for a plugin; borrowed likewise; NULL: there is none */
};

/* What the algorithm keeps of a request for its retries: with it a consistent hash takes the next
 * server on its ring. 0 with algorithms that do not look at requests. */
static inline uint64_t balance_key(const struct balance *b, const struct request_head *request)
{
	return b->by_request && request ? b->ops->key(b, request) : 0;
}

/*
 * Choose a server that is not among the tried. When all are down, one of them is chosen all the
 * same, each in turn, because the request may then still succeed.
 */
enum balance_result balance_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out);
/* Whether there is a server not among the tried. */
bool balance_has_untried(const struct balance *b, const uint64_t *tried, unsigned n_tried);
/* The same of one that is not known to be down. */
bool balance_has_sound(const struct balance *b, const uint64_t *tried, unsigned n_tried);

#endif
