/* Redis Cluster: the map of slots, links to nodes, redirections. See cluster.h. */
#include "redis/cluster.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "redis/link_internal.h"
#include "redis/slots.h"

#define ASK_FIRST_NS (100 * NS_PER_MS) /* least time between two questions for the map */
#define ASK_MAX_NS NS_PER_S            /* the same when the map did not change */
#define SWEEP_NS NS_PER_S
enum { HOPS_MAX = 2 };

struct cluster_node {
	struct redis_link *link; /* owned; NULL: the place is free */
	struct slots_node at;
	bool in_map; /* has slots in the map, or a redirection named it since the map was read */
};

struct redis_cluster {
	struct worker *worker; /* borrowed */
	struct redis_conf conf;
	struct arena mem; /* owned: strings of conf */
	const char *name; /* borrowed: from mem; for the log */
	bool has_map, is_warm;
	bool map_warned; /* a warning was logged that the map cannot be read */
	/* hosts of the URL: the next to ask for the map; how many failed in a row */
	unsigned at_seed, tried;
	unsigned at_node; /* the node to ask next when there is a map */
	unsigned asked;   /* node: while ask is under way */
	struct redis_call ask;
	struct timer timer; /* when to ask for the map */
	struct timer sweep;
	uint64_t asked_ns, wait_ns;
	uint8_t owner[SLOTS]; /* of nodes, or SLOTS_NONE */
	struct cluster_node nodes[SLOTS_NODES_MAX];
	struct grave grave;
};

/* ---- nodes --------------------------------------------------------------------------------- */

static bool cluster_on_error(void *ctx, struct redis_link *l, struct redis_call *call,
	sluice_str error);

static void node_open(struct redis_cluster *c, struct cluster_node *n, const struct redis_host *h)
{
	struct redis_conf conf = c->conf;
	bool sane = redis_host_set(&n->at.host, n->at.name, h->name, h->port);
	check(sane, "a host of the slot map is not valid: port %u", h->port);
	conf.url.kind = REDIS_SERVERS;
	conf.url.n_hosts = 1;
	conf.url.hosts[0] = n->at.host;
	conf.on_error = cluster_on_error;
	conf.on_error_ctx = c;
	n->link = redis_link_new(c->worker, &conf);
	n->in_map = false;
}

/* The index of the node at that host, which is added when it is new. SLOTS_NONE when there is no
 * room. */
static unsigned cluster_node(struct redis_cluster *c, const struct redis_host *h)
{
	unsigned room = SLOTS_NONE;
	for (unsigned i = 0; i < SLOTS_NODES_MAX; i++) {
		struct cluster_node *n = &c->nodes[i];
		if (n->link && n->at.host.port == h->port && str_ieq(n->at.host.name, h->name))
			return i;
		if (!n->link && room == SLOTS_NONE)
			room = i;
	}
	if (room != SLOTS_NONE)
		node_open(c, &c->nodes[room], h);
	return room;
}

/* Close the links of nodes that have no slots, once no call waits on them. */
static void cluster_sweep(struct redis_cluster *c)
{
	bool some_wait = false;
	for (unsigned i = 0; i < SLOTS_NODES_MAX; i++) {
		struct cluster_node *n = &c->nodes[i];
		if (!n->link || n->in_map)
			continue;
		if (redis_link_waiting(n->link))
			some_wait = true;
		else
			redis_link_free(&n->link);
	}
	if (some_wait)
		worker_timer(c->worker, &c->sweep, SWEEP_NS);
}

static void cluster_on_sweep(struct timer *t)
{
	struct redis_cluster *c = container_of(t, struct redis_cluster, sweep);
	if (c->has_map)
		cluster_sweep(c);
}

/* ---- the map ------------------------------------------------------------------------------- */

static void cluster_apply(struct redis_cluster *c, const struct slots_map *m)
{
	uint8_t place[SLOTS_NODES_MAX] = { 0 }; /* from an index in the map to the index here */
	bool changed = !c->has_map;
	unsigned n_slots = 0;
	for (unsigned i = 0; i < SLOTS_NODES_MAX; i++)
		c->nodes[i].in_map = false;
	for (unsigned i = 0; i < m->n; i++) {
		place[i] = (uint8_t)cluster_node(c, &m->nodes[i].host);
		if (place[i] == SLOTS_NONE)
			continue;
		c->nodes[place[i]].in_map = true;
		redis_link_warm(c->nodes[place[i]].link);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		uint8_t owner = m->owner[i] == SLOTS_NONE ? SLOTS_NONE : place[m->owner[i]];
		changed |= owner != c->owner[i];
		n_slots += owner != SLOTS_NONE;
		c->owner[i] = owner;
	}
	c->has_map = true;
	if (changed) {
		c->wait_ns = ASK_FIRST_NS;
		log_info("redis", "%s: %u nodes have %u of %u slots", c->name, m->n, n_slots,
			(unsigned)SLOTS);
	}
	cluster_sweep(c);
}

/* Ask for the map soon. */
static void cluster_refresh(struct redis_cluster *c)
{
	uint64_t now = worker_now(c->worker);
	if (c->ask.link || c->timer.due_ns != TIMER_NEVER)
		return;
	if (now - c->asked_ns > 2 * ASK_MAX_NS)
		c->wait_ns = ASK_FIRST_NS;
	uint64_t due = c->asked_ns + c->wait_ns;
	/* by a timer, so never before the caller's call returns */
	timer_set(&c->worker->wheel, &c->timer, due > now ? due : now);
}

static void cluster_on_map(struct redis_call *call, sluice_status st, const sluice_value *v)
{
	struct redis_cluster *c = container_of(call, struct redis_cluster, ask);
	const char *wrong = st == SLUICE_OK ? NULL
		: st == SLUICE_ERROR        ? "it is not a node of a cluster, or the user lacks "
					      "the right to ask"
					    : "it does not answer";
	struct slots_map *m = wrong ? NULL : slots_read(v, c->nodes[c->asked].at.host.name, &wrong);
	if (m) {
		c->tried = 0;
		c->map_warned = false;
		cluster_apply(c, m);
	} else {
		char host[REDIS_HOST_TEXT];
		const char *who = redis_host_text(&c->nodes[c->asked].at.host, host);
		if (st == SLUICE_TIMEOUT || st == SLUICE_UNREACHABLE || c->map_warned)
			log_debug("redis", "%s: no map of slots from %s: %s", c->name, who, wrong);
		else
			log_warn("redis", "%s: no map of slots from %s: %s", c->name, who, wrong);
		c->map_warned |= st == SLUICE_OK || st == SLUICE_ERROR;
		/* without a map, ask the next host of the URL at once; pause when all were asked */
		if (!c->has_map && ++c->tried % c->conf.url.n_hosts)
			worker_timer(c->worker, &c->timer, 0);
		else
			cluster_refresh(c);
	}
	free(m);
}

/* The node to ask for the map: of those with a connection, a different one each time; when there is
 * none, the hosts of the URL in turn. */
static unsigned cluster_next_to_ask(struct redis_cluster *c)
{
	for (unsigned i = 1; c->has_map && i <= SLOTS_NODES_MAX; i++) {
		unsigned at = (c->at_node + i) % SLOTS_NODES_MAX;
		if (c->nodes[at].link && c->nodes[at].in_map &&
			redis_link_state(c->nodes[at].link) == REDIS_READY)
			return c->at_node = at;
	}
	unsigned at = c->at_seed;
	c->at_seed = (c->at_seed + 1) % c->conf.url.n_hosts;
	return cluster_node(c, &c->conf.url.hosts[at]);
}

static void cluster_ask(struct redis_cluster *c)
{
	static const sluice_str argv[] = { { "CLUSTER", 7 }, { "SLOTS", 5 } };
	sluice_status st = SLUICE_UNREACHABLE;
	c->asked_ns = worker_now(c->worker);
	c->wait_ns = c->wait_ns * 2 < ASK_MAX_NS ? c->wait_ns * 2 : ASK_MAX_NS;
	c->asked = cluster_next_to_ask(c);
	if (c->asked == SLOTS_NONE) /* no room: calls wait on all nodes that could be removed */
		c->asked = 0;
	st = redis_send(c->nodes[c->asked].link, &c->ask, argv, 2, c->conf.connect_timeout_ns);
	if (st != SLUICE_OK)
		cluster_refresh(c);
}

static void cluster_on_due(struct timer *t)
{
	cluster_ask(container_of(t, struct redis_cluster, timer));
}

/* ---- redirections -------------------------------------------------------------------------- */

static sluice_str cluster_name_of(const struct redis_cluster *c, const struct redis_link *l)
{
	for (unsigned i = 0; i < SLOTS_NODES_MAX; i++) {
		if (c->nodes[i].link == l)
			return c->nodes[i].at.host.name;
	}
	return STR_NONE;
}

static bool cluster_on_error(void *ctx, struct redis_link *l, struct redis_call *call,
	sluice_str error)
{
	struct redis_cluster *c = ctx;
	struct slots_node to;
	unsigned slot;
	if (str_starts(error, STR("CLUSTERDOWN")) || str_starts(error, STR("TRYAGAIN")) ||
		trouble_is_unfit(error)) {
		cluster_refresh(c);
		call_end(call, SLUICE_UNREACHABLE, &call_nothing);
		return true;
	}
	enum slots_redirect r = slots_redirect_read(error, cluster_name_of(c, l), &slot, &to);
	if (r == SLOTS_STAY)
		return false;
	unsigned node = cluster_node(c, &to.host);
	if (r == SLOTS_MOVED)
		cluster_refresh(c);
	if (node == SLOTS_NONE || call->hops == HOPS_MAX) {
		call_end(call, SLUICE_UNREACHABLE, &call_nothing);
		return true;
	}
	c->nodes[node].in_map = true;
	if (r == SLOTS_MOVED && c->has_map)
		c->owner[slot] = (uint8_t)node;
	call->hops++;
	call_resend(c->nodes[node].link, call, r == SLOTS_ASK);
	return true;
}

/* ---- calls --------------------------------------------------------------------------------- */

/* The link for a slot. Without a map it is any node, which redirects the call. NULL: no node has
 * the slot. */
static struct redis_link *cluster_link(struct redis_cluster *c, unsigned slot)
{
	cluster_warm(c);
	unsigned node = c->has_map ? c->owner[slot] : c->asked;
	return node == SLOTS_NONE ? NULL : c->nodes[node].link;
}

/* When a call could not be sent, the map may be out of date: ask for it. */
static sluice_status cluster_sent(struct redis_cluster *c, sluice_status st)
{
	if (st == SLUICE_UNREACHABLE)
		cluster_refresh(c);
	return st;
}

sluice_status cluster_eval(struct redis_cluster *c, struct redis_call *call,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ns)
{
	struct redis_link *l = cluster_link(c, slots_of_key(key));
	return cluster_sent(c,
		l ? redis_eval(l, call, script, key, args, nargs, timeout_ns) : SLUICE_UNREACHABLE);
}

static sluice_str command_key(const sluice_str *argv, size_t argc)
{
	bool script = str_ieq(argv[0], STR("EVAL")) || str_ieq(argv[0], STR("EVALSHA")) ||
		str_ieq(argv[0], STR("FCALL"));
	size_t at = script ? 3 : 1;
	return at < argc ? argv[at] : STR_NONE;
}

sluice_status cluster_send(struct redis_cluster *c, struct redis_call *call, const sluice_str *argv,
	size_t argc, uint64_t timeout_ns)
{
	if (argc == 0)
		return SLUICE_ERROR;
	struct redis_link *l = cluster_link(c, slots_of_key(command_key(argv, argc)));
	return cluster_sent(c,
		l ? redis_send(l, call, argv, argc, timeout_ns) : SLUICE_UNREACHABLE);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct redis_cluster *cluster_new(struct worker *w, const struct redis_conf *conf)
{
	char name[REDIS_URL_TEXT];
	struct redis_cluster *c = mem_new(struct redis_cluster);
	c->worker = w;
	c->conf = *conf;
	arena_init(&c->mem, 0);
	redis_url_copy(&c->mem, &conf->url, &c->conf.url);
	redis_url_text(&c->conf.url, name);
	c->name = arena_str(&c->mem, str_of(name)).data;
	c->wait_ns = ASK_FIRST_NS;
	memset(c->owner, SLOTS_NONE, sizeof(c->owner));
	redis_call_init(&c->ask, cluster_on_map);
	timer_init(&c->timer, cluster_on_due);
	timer_init(&c->sweep, cluster_on_sweep);
	return c;
}

void cluster_warm(struct redis_cluster *c)
{
	if (!c->is_warm) {
		c->is_warm = true;
		cluster_ask(c);
	}
}

size_t cluster_waiting(const struct redis_cluster *c)
{
	size_t n = 0;
	for (unsigned i = 0; i < SLOTS_NODES_MAX; i++)
		n += c->nodes[i].link ? redis_link_waiting(c->nodes[i].link) : 0;
	return n - (c->ask.link != NULL);
}

static void cluster_bury(struct grave *g)
{
	struct redis_cluster *c = container_of(g, struct redis_cluster, grave);
	redis_conf_wipe(&c->conf);
	arena_fini(&c->mem);
	free(c);
}

void cluster_free(struct redis_cluster **cluster)
{
	struct redis_cluster *c = *cluster;
	*cluster = NULL;
	if (!c)
		return;
	redis_cancel(&c->ask);
	for (unsigned i = 0; i < SLOTS_NODES_MAX; i++)
		redis_link_free(&c->nodes[i].link);
	timer_drop(&c->timer);
	timer_drop(&c->sweep);
	worker_bury(c->worker, &c->grave, cluster_bury);
}
