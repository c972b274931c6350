/* A snapshot while it is being built. build.c is the order of things; the other files each build
 * one block. Main thread. */
#ifndef PROXY_BUILD_H
#define PROXY_BUILD_H

#include "policy/stated.h"
#include "proxy/snapshot.h"

enum {
	CHAIN_MAX = 64, /* plugins of one listener or route */
	GROUPS_MAX = 16 /* groups of alternatives among them */
};

/* A plugin in a list. */
struct build_link {
	struct chain_item item;
	const struct node *at; /* where it is written, or named */
};
/* Alternatives in a list: those of its plugins at first to end - 1. */
struct build_group {
	uint32_t first, end;
	uint32_t n_branches;
	uint8_t branches[CHAIN_MAX]; /* as of struct any_of */
	bool reports;
};
struct build_links {
	uint32_t n;
	uint32_t n_groups;
	struct build_link v[CHAIN_MAX];
	struct build_group groups[GROUPS_MAX];
};

enum named_state {
	NAMED_INSTANCE,
	CHAIN_NEW,    /* a list, or any-of or all-of */
	CHAIN_OPEN,   /* its list is being read */
	CHAIN_DONE,   /* links is what it stands for */
	CHAIN_BROKEN, /* a mistake in it is reported */
};

/* An entry of `plugins`: an instance, or a chain. */
struct named_plugin {
	sluice_str name;
	const struct node *node;
	sluice_instance *inst; /* NULL: a chain, or its mistake is reported */
	uint32_t slot;
	enum named_state state;
	bool is_used;                /* some list names it */
	struct named_plugin *inside; /* OPEN: the chain in whose list it stands; NULL: none */
	const struct build_links *links;
};

struct build {
	struct snapshot *snap;
	const struct snapshot_env *env;
	struct diag *diag;
	struct config config;
	struct bind bind;
	struct named_plugin *named;
	size_t n_named;
	/* the first of the snapshot's instances: those that are not of a single route */
	size_t n_shared;
	struct stated names; /* that plugins state */
	/* facts that routes have conditions on, each once */
	const struct match_fact **match_facts;
	size_t n_match_facts;
	bool rules_are_broken; /* of tries: a mistake in some is reported */
};

/* build_blocks.c: each reports its mistakes and goes on. */
void build_stores(struct build *b);
void build_listeners(struct build *b);
void build_admin(struct build *b);
void build_overload(struct build *b);
void build_upstreams(struct build *b);

/* build_access.c */
void build_access(struct build *b, const struct listener_conf *c, struct snapshot_listener *l);

/* build_instance.c: the instance that a node asks for: the one of the old snapshot when nothing
 * about it changed, else a new one. NULL when a mistake was reported. */
sluice_instance *build_instance(struct build *b, sluice_str name, const struct node *n,
	uint32_t *slot);

/* Which upstreams of this snapshot those are that the instance names: chain_item.upstreams. */
const uint32_t *build_item_upstreams(struct build *b, const sluice_instance *inst);

/* build_lists.c */

/* Whether the node is any-of or all-of. */
bool build_is_group(const struct node *n);
/* What an entry of `plugins` that is no instance stands for. */
void build_expand(struct build *b, struct named_plugin *p);
/* The chain that the list n of owner makes, and in *links where its plugins are written. n: NULL
 * or null for no list. False when a mistake was reported. */
bool build_chain(struct build *b, sluice_str owner, const struct node *n, struct chain *out,
	struct build_links *links);

/* build_hash.c: what of a request `hash` goes by: after build_stated(). */
void build_hash(struct build *b);

/* build_plugins.c */
void build_plugins(struct build *b);
void build_listener_plugins(struct build *b);
/* The instances that choose among the servers of upstreams, and that find them. */
void build_upstream_plugins(struct build *b);
/* Those that log.access.sinks names: after build_plugins(). */
void build_sinks(struct build *b);
/* Of all instances: after build_routes(). */
void build_secrets(struct build *b);

/* build_consumers.c: after build_plugins(). */
void build_consumers(struct build *b);

/* build_documents.c: a route for each document that an instance in a route's list serves. routes:
 * n specs of the file's routes. Returns those, and behind them those of the documents; *n is how
 * many there are. */
struct route_spec *build_documents(struct build *b, const struct route_spec *routes, size_t *n);

/* build_routes.c */
void build_routes(struct build *b);

/* build_warn.c: of a configuration without mistakes. */
void build_warnings(struct build *b);
/* build_warn_auth.c: what may be open by mistake. */
void build_warn_auth(struct build *b);

/* build_facts.c */

/* Gather what the plugins of the file state, before any key expression is compiled. */
void build_stated(struct build *b);
/* Warn of facts that nothing states before a plugin of the route's chain uses them. */
void build_check_facts(struct build *b, const struct route *r, const struct build_links *links);
/* The same for the plugins of a listener, which run before there is a route. */
void build_check_listener_facts(struct build *b, const struct snapshot_listener *l,
	const struct build_links *links);
/* The same for the plugin that chooses among the servers of the route's upstream, and for `hash`.
 */
void build_check_balancer_facts(struct build *b, const struct route *r);
/* The same for a fact of the route's own answer, which is made behind all of the chain. */
void build_check_answer_fact(struct build *b, const struct route *r, const struct node *at,
	const sluice_expr *e);

/* The same for a stated fact of the route's split, conf. Whether plugins of the route state it. */
bool build_check_split_fact(struct build *b, const struct route *r, const void *conf,
	const sluice_expr *e);

/* The conditions of match.facts, for the router. */
void build_match_facts(struct build *b, const struct route *r, struct route_spec *spec);

/* build_stories.c: whose stories the error log tells. Routes are there. */
void build_stories(struct build *b);

/* build_retry.c: how requests are tried again, of an upstream and of a route. */
void build_upstream_rules(struct build *b, struct snapshot_upstream *u);
/* Of the listeners' defaults, which are checked before routes are built. */
void build_default_rules(struct build *b);
void build_route_rules(struct build *b, struct route *r);
/* What is no mistake in them, and hardly meant. */
void build_warn_rules(struct build *b);
/* build_limits.c: of the listeners' defaults; and what a route bounds. */
void build_defaults(struct build *b);
void build_limits(struct build *b, struct route *r);
/* Whether the route is served at a listener. */
bool route_is_at(const struct route_conf *c, sluice_str listener);

/* build_split.c: the first of its upstreams; -1: there is none, which is reported. */
int build_split(struct build *b, struct route *r);

/* build_mirror.c; its counters when the configuration is without mistakes */
void build_mirror(struct build *b, struct route *r);
void build_mirror_counts(struct route *r);

/* build_respond.c: the route's own answer. */
void build_respond(struct build *b, struct route *r);

/* The addresses that an option lists. NULL: none, or one is malformed, which is reported. */
struct cidr_set *build_cidr_set(struct build *b, const void *dst, const char *option,
	sluice_strs texts);
/* Stores by name, for bind.store. */
int build_find_store(void *ctx, const struct node *n, const sluice_store **out);
/* Upstreams by name, for bind.upstream: whether there is one. *out stays as it is: each instance
 * has a handle of its own for it. */
int build_find_upstream(void *ctx, const struct node *n, const sluice_upstream **out);
/* Its index; -1: there is none of that name, for which the hint says which one was meant. */
int build_upstream_index(const struct snapshot *s, sluice_str name);
void build_hint_upstreams(struct build *b, sluice_str name);

/* build_hint.c */

/* The i-th entry of `plugins`, for build_hint_names(). */
sluice_str build_named(struct build *b, size_t i);
/* "did you mean", or what there is: a hint for a name that is not among n names. */
void build_hint_names(struct build *b, sluice_str name, size_t n,
	sluice_str (*at)(struct build *b, size_t i), const char *what);

#endif
