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
#include "upstream/share.h"

struct asked;
struct balance;
struct balance_ask;
struct sticky;
struct sticky_entry;
struct sticky_token;

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
	uint32_t weight;             /* 0: it gets no new requests */
	uint32_t share;              /* what it counts now, in units of share.h; never 0 */
	uint32_t place;              /* in balance.all */
	uint64_t turn;               /* of its last choice */
	bool ready;                  /* the algorithm may choose it */
	bool well;                   /* its tier counts it among those that are */
	bool is_plain;               /* ready and well in a tier that is open */
	uint8_t tier;                /* enum balance_tier */
	uint8_t entry; /* enum tier_entry: of its tier, and barred where weight is 0 */
	struct sticky_entry *tokens; /* owned: upstream/sticky alone */
	/* Of the algorithm alone. */
	uint32_t heap_place;
	uint64_t rank;
	uint32_t counted, ring_weight;
};

/* What a configuration says about all candidates of a balance. */
struct balance_rules {
	struct tier_rules tiers;
	uint32_t hash_bound; /* percent of the mean load; 0: no bound */
	uint64_t slow_ns;    /* slow_start; 0: none */
};

struct balance {
	const struct balance_ops *ops;
	void *own;              /* owned: memory of the algorithm */
	struct asked *asked;    /* owned: of balance_plugin.c; NULL: no plugin chooses */
	struct candidate **all; /* owned, of size cap */
	uint32_t n, n_ready, cap;
	bool by_load, by_latency; /* what the algorithm looks at */
	bool is_told;             /* servers are there, and what becomes of them is logged */
	uint32_t latency_us;      /* by_latency: the mean of all servers */
	uint64_t turn;            /* counts choices */
	void (*on_room)(struct balance *b); /* a candidate became ready */
	struct balance_rules rules;
	struct tier_count tiers[TIERS];
	struct tier_plan plan;
	struct timer ramp;     /* while a candidate starts slowly */
	struct sticky *sticky; /* borrowed: lives as long; NULL: no server is stuck to */
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
	/* c was made, and is not ready; update() follows. */
	void (*add)(struct balance *b, struct candidate *c);
	void (*remove)(struct balance *b, struct candidate *c); /* c is not ready any more */
	bool by_load;    /* update() is called for changes of load too */
	bool by_latency; /* balance_asked() and balance_measured() are called */
	/* c->ready, its share or the load of its endpoint changed. was_ready: c->ready before. */
	void (*update)(struct balance *b, struct candidate *c, bool was_ready);
	/* BALANCE_CHOSEN: *out is ready and not among the tried. BALANCE_NONE: there is none such.
	 * BALANCE_FAILED. */
	enum balance_result (
		*choose)(struct balance *b, const struct balance_ask *ask, struct candidate **out);
};

void balance_init(struct balance *b, enum upstream_balance kind,
	void (*on_room)(struct balance *b));
/* Before the first candidate. Without it: no tiers, no bound, no slow start. */
void balance_set_rules(struct balance *b, const struct balance_rules *rules);
/* Before the first candidate: have a plugin choose, and the algorithm where that chooses none.
 * chooser lives as long as the balance; so does upstream, its name. */
void balance_ask_plugin(struct balance *b, sluice_str upstream,
	const struct balance_chooser *chooser);
void balance_fini(struct balance *b); /* removes all candidates */
/* Takes a reference to the endpoint. */
struct candidate *balance_add_to(struct balance *b, enum balance_tier tier, struct endpoint *e,
	unsigned weight);
static inline struct candidate *balance_add(struct balance *b, struct endpoint *e, unsigned weight)
{
	return balance_add_to(b, TIER_LOCAL, e, weight);
}
void balance_remove(struct candidate *c);
/* The first servers are there: log from now on when backups or all servers are used. */
static inline void balance_tells(struct balance *b)
{
	b->is_told = true;
}
/* 0: no new requests but of clients that stick to it. */
void balance_set_weight(struct candidate *c, unsigned weight);
void balance_set_tier(struct candidate *c, enum balance_tier tier);

/* The candidate for that server in b, or, b being NULL, in the balance that came last. NULL: there
 * is none (any more). */
const struct candidate *balance_find(const struct balance *b, const struct endpoint *e);

/* What names a server to plugins: sluice_server.key. host: for TLS, else empty. It must not change
 * with the version of the gateway: choices that stick to a server would be lost. Any thread. */
uint64_t balance_server_key(sluice_str address, sluice_str host);
/* Of a text: the same in every process, and never 0. */
uint64_t balance_hash(sluice_str text);

/* What a choice depends on. */
struct balance_ask {
	const uint64_t *tried; /* ids of endpoints that must not be chosen */
	unsigned n_tried;
	/* id of the one endpoint that may be chosen, whatever its health, to probe it; 0: any */
	uint64_t only;
	/* a server that is known to be down is no choice, also when there is no other */
	bool none_down;
	/* balance_hash() of what the request is told by, for a consistent hash; retries have the
	 * same. 0: it has none */
	uint64_t key;
	sluice_exchange *exchange; /* for a plugin; borrowed for the call; NULL: there is none */
	/* borrowed likewise: the server that the client sticks to; NULL: none */
	const struct sticky_token *stays;
};

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
/* Where by_latency: a request is sent to it, which its load counts. */
void balance_asked(struct endpoint *e);
/* Likewise: the head of a response came so many ns after the request went out. */
void balance_measured(struct balance *b, struct endpoint *e, uint64_t ns);
/* Likewise: the request failed, after so many ns. */
void balance_missed(struct balance *b, struct endpoint *e, uint64_t ns);

#endif
