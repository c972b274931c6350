/* proxy/build: what a configuration file may say, what is wrong with it, and what the next one
 * takes over. */
#include "proxy_kit.h"

#include "tls/server.h"

#define HEAD "runtime: { workers: 1 }\nlisteners: [{ name: in, address: '127.0.0.1:1' }]\n"
#define ROUTE "routes: [{ name: r, match: { path: /x }, respond: { status: 200 } }]\n"

TEST(mistakes)
{
	static const struct {
		const char *text, *says;
	} v[] = {
		{ "routes: []\n", "listeners" },
		{ HEAD "nonsense: 1\n", "nonsense" },
		{ "runtime: { workers: many }\nlisteners: [{ name: a, address: '127.0.0.1:1' }]\n",
			"neither auto nor a number" },
		{ "runtime: { workers: 0 }\nlisteners: [{ name: a, address: '127.0.0.1:1' }]\n",
			"neither auto nor a number" },
		{ "listeners: [{ name: a, address: nowhere }]\n", "is no address to listen on" },
		{ "listeners: [{ name: a, address: '127.0.0.1:1' }, { name: a, address: "
		  "'127.0.0.1:2' }]\n",
			"is there already" },
		{ "listeners: [{ name: a, address: '127.0.0.1:1' }, { name: b, address: "
		  "'127.0.0.1:1' }]\n",
			"has this address already" },
		{ HEAD "routes: [{ name: r, match: { path: /x } }]\n",
			"needs an `upstream`, a `split` or a `respond`" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, upstream: u, respond: {} }]\n",
			"and only one of them" },
		{ HEAD "upstreams: { users: { servers: ['127.0.0.1:1'] } }\nroutes: [{ name: r, "
		       "match: { path: /x }, upstream: user }]\n",
			"did you mean \"users\"?" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, upstream: u }]\n",
			"no upstream is declared" },
		{ HEAD "routes: [{ name: r, match: { path: /x, listener: on }, respond: {} }]\n",
			"did you mean \"in\"?" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: {} }, { name: r, match: "
		       "{ path: /y }, respond: {} }]\n",
			"route \"r\" is there already, at" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: {} }, { name: q, match: "
		       "{ path: /x }, respond: {} }]\n",
			"cannot be told apart" },
		{ HEAD ROUTE "log: { stories: { routes: [s] } }\n", "did you mean \"r\"?" },
		{ HEAD ROUTE "log: { stories: { clients: [10.0.0.0/33] } }\n", "10.0.0.0/33" },
		{ HEAD "routes: [{ name: r, match: { path: 'regex:(' }, respond: {} }]\n",
			"at character" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: { headers: { "
		       "'Content-Length': '5' } } }]\n",
			"is no field" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: { headers: { Connection: "
		       "close } } }]\n",
			"is no field" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: { headers: { X: \"a\\nY: "
		       "b\" } } }]\n",
			"control bytes" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: { content_type: "
		       "\"text/plain\\r\\nX: y\" } }]\n",
			"content_type" },
		{ HEAD "plugins: [script]\n" ROUTE, "expected a block of named instances" },
		{ HEAD "plugins: { a: script }\n" ROUTE, "expected a block with `use`" },
		{ HEAD "plugins: { a: { use: script, number: 1000 } }\n" ROUTE, "100" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, plugins: script, respond: {} }]\n",
			"expected a list" },
		{ HEAD "plugins: { login: { use: script } }\nroutes: [{ name: r, match: { path: /x "
		       "}, plugins: [logon], respond: {} }]\n",
			"did you mean \"login\"?" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, plugins: [[a]], respond: {} }]\n",
			"the name of an instance" },
		{ HEAD "plugins: { a: { use: script, store: shared } }\n" ROUTE,
			"there is no store \"shared\"" },
		{ HEAD "plugins: { a: { use: script, by: sub } }\n" ROUTE,
			"conf.yaml:3:34: error: plugins.a.by: there is no fact \"sub\"" },
		{ HEAD "plugins: { a: { use: script, by: sub } }\n" ROUTE,
			"did you mean claim:sub?" },
		{ HEAD "plugins: { a: { use: script, by: clientip } }\n" ROUTE,
			"did you mean ip?" },
		{ HEAD "plugins: { 'r/0': { use: script } }\n"
		       "routes: [{ name: r, match: { path: /x }, plugins: [{ use: script }], "
		       "respond: {} }]\n",
			"an instance in `plugins` is called \"r/0\"" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: { headers: { X: "
		       "'{heder:Y}' } } }]\n",
			"did you mean {header:Y}?" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: { body: '{clientip}' } "
		       "}]\n",
			"there is no fact \"clientip\"" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: { headers: { X: 'a}' } } "
		       "}]\n",
			"write }} for a brace" },
		{ HEAD "routes: [{ name: r, match: { path: /x }, respond: { body: 'file:none.txt' "
		       "} }]\n",
			"cannot read none.txt: No such" },
		{ HEAD "stores: { here: { memory: 1MiB } }\nplugins: { a: { use: script, store: "
		       "hear } }\n" ROUTE,
			"did you mean \"here\"?" },
		{ HEAD "upstreams: { orders: { servers: ['127.0.0.1:1'] } }\nplugins: { a: { use: "
		       "script, upstream: order } }\n" ROUTE,
			"conf.yaml:4:40: error: plugins.a.upstream: there is no upstream "
			"\"order\"" },
		{ HEAD "upstreams: { orders: { servers: ['127.0.0.1:1'] } }\nplugins: { a: { use: "
		       "script, upstream: order } }\n" ROUTE,
			"did you mean \"orders\"?" },
		{ HEAD "plugins: { a: { use: script, upstream: orders } }\n" ROUTE,
			"no upstream is declared" },
		{ HEAD "plugins: { a: [b], b: [a] }\n" ROUTE,
			"conf.yaml:3:24: error: plugins.b[0]: chain \"a\" contains itself: a > b > "
			"a" },
		{ HEAD "plugins: { a: [b] }\n" ROUTE, "no plugin instance or chain \"b\"" },
		{ HEAD "plugins: { r: [{ use: script }] }\n"
		       "routes: [{ name: r, match: { path: /x }, plugins: [{ use: script }], "
		       "respond: {} }]\n",
			"an instance in a chain or of a listener is called \"r/0\"" },
		{ "listeners: [{ name: in, address: '127.0.0.1:1', plugins: [logon] }]\n" ROUTE,
			"no plugin instance or chain \"logon\"" },
		{ HEAD "routes: [{ name: r, match: { facts: { route: a } }, respond: {} }]\n",
			"\"route\" is not known yet when a route is chosen" },
		{ HEAD "routes: [{ name: r, match: { facts: { consumer: a } }, respond: {} }]\n",
			"no plugin of a listener of route \"r\" states \"consumer\"" },
	};
	memset(script, 0, sizeof(*script));
	size_t before = snapshot_count();
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct snapshot *s = kit_load(v[i].text, NULL);
		if (s)
			fail_msg("nothing is wrong with: %s", v[i].text);
		if (!strstr(kit_report, v[i].says))
			fail_msg("no \"%s\" in: %s", v[i].says, kit_report);
		assert_non_null(strstr(kit_report, "conf.yaml:"));
	}
	assert_int_equal(snapshot_count(), before);
}

/* All mistakes are told at once. */
TEST(many_mistakes)
{
	assert_null(kit_load(
		"listeners: [{ name: a, address: nowhere }]\nplugins: { p: { use: nope } }\n"
		"routes: [{ name: r, match: { path: /x }, plugins: [q], upstream: u }, { name: s "
		"}]\n",
		NULL));
	static const char *const says[] = { "is no address", "cannot be loaded",
		"no plugin instance or chain \"q\"", "no upstream \"u\"", "needs an `upstream`" };
	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		if (!strstr(kit_report, says[i]))
			fail_msg("no \"%s\" in: %s", says[i], kit_report);
	}
}

TEST(routes)
{
	struct snapshot *s = kit_load(HEAD
		"plugins: { a: { use: script, label: a }, b: { use: script, label: b } }\n"
		"upstreams: { u: { servers: ['127.0.0.1:1'] }, w: { servers: ['127.0.0.1:2'] } }\n"
		"routes:\n"
		"  - { name: one, match: { path: /1 }, plugins: [b, { use: script, label: c }, a, "
		"b], upstream: w }\n"
		"  - { name: two, match: { path: /2 }, plugins: [], respond: {} }\n"
		"  - { name: three, match: { path: /3 }, plugins: ~, upstream: u }\n",
		NULL);
	if (!s)
		fail_msg("%s", kit_report);
	assert_int_equal(s->n_routes, 3);
	assert_int_equal(s->n_instances, 3);
	assert_int_equal(s->routes[0].upstream, 1);
	assert_int_equal(s->routes[1].upstream, -1);
	assert_int_equal(s->routes[2].upstream, 0);
	const struct chain *c = &s->routes[0].chain;
	static const char labels[] = "bcab";
	assert_int_equal(c->n, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_ptr_equal(c->v[i].inst, s->instances[c->v[i].slot]);
		assert_int_equal(((const struct script_conf *)c->v[i].conf)->label.data[0],
			labels[i]);
	}
	assert_str(c->v[1].inst->name, "one/1");
	assert_true(c->has_response);
	assert_int_equal(s->routes[1].chain.n, 0);
	snapshot_free(s);
}

/* A chain stands for its plugins, wherever it is named; its instances are one for all. */
TEST(chains)
{
	struct snapshot *s = kit_load(
		"listeners: [{ name: in, address: '127.0.0.1:1', plugins: [all] }]\n"
		"plugins: { all: [a, two, a], two: [{ use: script, label: t }], a: { use: script, "
		"label: a } }\n"
		"routes: [{ name: r, match: { path: /x }, plugins: [two, { use: script, label: r "
		"}, "
		"all], respond: {} }]\n",
		NULL);
	if (!s)
		fail_msg("%s", kit_report);
	static const char *const labels[] = { "ata", "trata" };
	const struct chain *const chains[] = { &s->listeners[0].chain, &s->routes[0].chain };
	assert_true(s->listeners_have_plugins);
	assert_int_equal(s->n_instances, 3);
	for (size_t c = 0; c < 2; c++) {
		assert_int_equal(chains[c]->n, strlen(labels[c]));
		for (uint32_t i = 0; i < chains[c]->n; i++) {
			const struct chain_item *item = &chains[c]->v[i];
			assert_int_equal(item->place, i);
			assert_ptr_equal(item->inst, s->instances[item->slot]);
			assert_int_equal(((const struct script_conf *)item->conf)->label.data[0],
				labels[c][i]);
		}
	}
	assert_str(chains[1]->v[0].inst->name, "two/0");
	assert_ptr_equal(chains[1]->v[0].inst, chains[0]->v[1].inst);
	snapshot_free(s);
}

/* ---- the next one -------------------------------------------------------------------------- */

static unsigned stopped;

static void on_stop(sluice_instance *inst, void *conf)
{
	(void)inst, (void)conf;
	stopped++;
}

TEST(taken_over)
{
	static const char old_text[] = HEAD
		"stores: { here: { memory: 1MiB }, there: { memory: 1MiB } }\n"
		"plugins:\n  same: { use: script, label: same, store: here }\n  changed: { use: "
		"script, label: old }\n"
		"  lost: { use: script, store: there }\n  gone: { use: script }\n"
		"routes: [{ name: r, match: { path: /x }, plugins: [same, { use: script, label: "
		"in-place }], respond: {} }]\n";
	static const char new_text[] = HEAD
		"stores: { here: { memory: 1MiB }, there: { memory: 2MiB } }\n"
		"plugins:\n  changed: { use: script, label: new }\n  lost: { use: script, store: "
		"there }\n"
		"  same: { label: same, use: script, store: here }\n"
		"routes: [{ name: r, match: { path: /y }, plugins: [same, { use: script, label: "
		"in-place }], respond: {} }]\n";
	memset(script, 0, sizeof(*script));
	script->stop = on_stop;
	stopped = 0;
	struct snapshot *old = kit_load(old_text, NULL);
	if (!old)
		fail_msg("%s", kit_report);
	/* one with a mistake takes nothing and lets nothing go */
	assert_null(kit_load(HEAD
		"plugins: { same: { use: script, label: same } }\nroutes: [{ name: r }]\n",
		old));
	assert_null(kit_load("stores: { here: { memory: 1MiB } }\nplugins: { same: { use: script, "
			     "label: same, store: here } }\n",
		old));
	assert_int_equal(old->instances[0]->refs, 1);
	stopped = 0;
	struct snapshot *s = kit_load(new_text, old);
	if (!s)
		fail_msg("%s", kit_report);
	assert_ptr_equal(s->routes[0].chain.v[0].inst, old->routes[0].chain.v[0].inst);
	assert_ptr_equal(s->routes[0].chain.v[1].inst, old->routes[0].chain.v[1].inst);
	assert_int_equal(s->routes[0].chain.v[0].inst->refs, 2);
	assert_ptr_equal(s->stores[0], old->stores[0]);
	assert_ptr_not_equal(s->stores[1], old->stores[1]);
	assert_ptr_not_equal(s->instances[0], old->instances[1]); /* another text */
	assert_ptr_not_equal(s->instances[1], old->instances[2]); /* the same, on another store */
	assert_int_equal(stopped, 0);
	snapshot_free(old);
	assert_int_equal(stopped, 3); /* changed, lost, gone */
	snapshot_free(s);
	assert_int_equal(stopped, 7);
}

/* An instance outlives the snapshot it was made for, and finds its upstreams in the next one by
 * their names: wherever they stand there, and whatever they became. */
TEST(upstreams_of_instances)
{
#define ONE(name, port) name ": { servers: ['127.0.0.1:" port "'] }"
#define PLUGIN "plugins: { p: { use: script, upstream: b, other: a } }\n"
#define ROUTES "routes: [{ name: r, match: { path: /x }, plugins: [p], respond: {} }]\n"
	static const char first[] = HEAD PLUGIN ROUTES
		"upstreams: { " ONE("a", "1") ", " ONE("b", "2") " }\n";
	static const char second[] = HEAD PLUGIN ROUTES
		"upstreams: { " ONE("b", "3") ", " ONE("more", "4") ", " ONE("a", "1") " }\n";
	memset(script, 0, sizeof(*script));
	struct snapshot *old = kit_load(first, NULL);
	if (!old)
		fail_msg("%s", kit_report);
	assert_null(strstr(kit_report, "leads to upstream"));
	const struct chain_item *item = old->routes[0].chain.v;
	assert_int_equal(item->upstreams[0], 1);
	assert_int_equal(item->upstreams[1], 0);
	struct snapshot *s = kit_load(second, old);
	if (!s)
		fail_msg("%s", kit_report);
	assert_non_null(strstr(kit_report, "leads to upstream \"more\""));
	assert_null(strstr(kit_report, "leads to upstream \"a\""));
	assert_ptr_equal(s->routes[0].chain.v[0].inst, item->inst);
	assert_int_equal(s->routes[0].chain.v[0].upstreams[0], 0);
	assert_int_equal(s->routes[0].chain.v[0].upstreams[1], 2);
	assert_int_equal(item->upstreams[0], 1); /* for requests that began with it */
	/* not without */
	assert_null(kit_load(HEAD PLUGIN ROUTES "upstreams: { " ONE("b", "3") " }\n", s));
	assert_non_null(strstr(kit_report, "plugins.p.other: there is no upstream \"a\""));
	snapshot_free(old);
	snapshot_free(s);
#undef ONE
#undef PLUGIN
#undef ROUTES
}

/* ---- on a worker --------------------------------------------------------------------------- */

static unsigned views_freed;

static void on_free(struct snapshot *s)
{
	views_freed++;
	snapshot_free(s);
}

TEST(views)
{
	static const char text[] = HEAD
		"plugins: { a: { use: script } }\nupstreams: { u: { servers: ['127.0.0.1:1'] } }\n"
		"routes: [{ name: r, match: { path: /x }, plugins: [a], upstream: u }]\n";
	memset(script, 0, sizeof(*script));
	views_freed = 0;
	struct snapshot *old = kit_load(text, NULL);
	struct view *a = view_new(&kit_worker, old, on_free);
	struct snapshot *s = kit_load(text, old);
	struct view *b = view_new(&kit_worker, s, on_free);
	assert_ptr_equal(a->slots[0], b->slots[0]); /* the same instance, the same state */
	assert_int_equal(a->slots[0]->refs, 2);
	assert_ptr_equal(view_ref(a), a);
	view_unref(a);
	assert_int_equal(views_freed, 0);
	view_unref(a);
	assert_int_equal(views_freed, 1);
	assert_int_equal(b->slots[0]->refs, 1);
	view_unref(b);
	assert_int_equal(views_freed, 2);
	worker_end_part(&kit_worker, PART_UPSTREAM);
	worker_turn(&kit_worker);
}

TEST_GROUP(kit_setup, kit_teardown);
