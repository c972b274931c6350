/* Deny lists: how they are shared, followed, and told to operators. See the header. */
#include "deny.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "deny_impl.h"

#define FIRST_READING_NS MS_TO_NS(UINT64_C(1000)) /* when the channel does not come before */
enum { NAME_SHOWN = 240, NEARLY_FULL = 80 };      /* percent */

/* All lists. Main thread only. */
static struct deny_list *lists;

/* ---- life ---------------------------------------------------------------------------------- */

static struct deny_list *list_find(const sluice_store *store, sluice_str key)
{
	struct deny_list *l = lists;
	while (l && (l->store != store || !sluice_str_eq(l->key, key)))
		l = l->next;
	return l;
}

static struct deny_list *list_new(const sluice_store *store, sluice_str key)
{
	struct deny_list *l = calloc(1, sizeof *l);
	char *name = strndup(key.data, key.len);
	if (!l || !name) {
		free(l);
		free(name);
		return NULL;
	}
	l->store = store;
	l->key = (sluice_str){ name, key.len };
	l->read_ns = UINT64_MAX;
	l->next = lists;
	lists = l;
	return l;
}

static void list_free(struct deny_list *l)
{
	struct deny_list **at = &lists;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	deny_map_free(&l->map);
	deny_map_free(&l->reading.found);
	deny_map_free(&l->reading.news);
	deny_table_unref(l->table);
	free((char *)(uintptr_t)l->key.data);
	free(l);
}

bool deny_join(struct deny_sub *sub, const sluice_store *store, sluice_str key, const char **why)
{
	*why = "there is no memory, or no randomness";
	if (sluice_store_kind_of(store) != SLUICE_STORE_REDIS) {
		*why = "is a store in memory, which nobody can tell anything";
		return false;
	}
	struct deny_list *l = deny_ids_init() ? list_find(store, key) : NULL;
	if (!l)
		l = deny_ids_init() ? list_new(store, key) : NULL;
	if (!l)
		return false;
	sub->list = l;
	sub->use = DENY_JOINED;
	/* the last one: who is in force goes on leading */
	struct deny_sub **at = &l->subs;
	while (*at)
		at = &(*at)->next;
	sub->next = NULL;
	*at = sub;
	return true;
}

/* ---- following ----------------------------------------------------------------------------- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void take_message(struct deny_list *l, sluice_instance *inst, sluice_str message)
{
	struct deny_entry e;
	struct deny_row row;
	bool was_dirty = l->is_dirty;
	if (!deny_message_read(message, &e) || !deny_row_of(&e, &row)) {
		if (l->malformed++ == 0)
			sluice_log(inst, SLUICE_LOG_WARN,
				"a message of the deny list %.*s denies nothing: it is not "
				"[ISSUER|]jti:, sub: or sid: and a value, and a time",
				(int)l->key.len, l->key.data);
		return;
	}
	deny_put_row(l, &row);
	deny_make_table(l);
	if (l->is_dirty && !was_dirty)
		deny_tell_subs(l, false); /* a timer has to ring for it */
}

static void on_message(sluice_instance *inst, void *conf, void *user, sluice_str message)
{
	(void)conf;
	struct deny_sub *sub = user;
	if (deny_leader(sub->list) == sub)
		take_message(sub->list, inst, message);
}

static void set_connected(struct deny_list *l, bool is_connected)
{
	l->is_connected = is_connected;
	if (is_connected)
		deny_read_begin(l); /* whatever was said before may have been missed */
	else
		deny_set_not_current(l);
	deny_tell_subs(l, false);
}

static void on_state(sluice_instance *inst, void *conf, void *user, bool is_connected)
{
	(void)inst, (void)conf;
	struct deny_sub *sub = user;
	sub->is_connected = is_connected;
	if (deny_leader(sub->list) == sub)
		set_connected(sub->list, is_connected);
}

/* When the list has to be read for the terms of one more in force. Members that had no room, or
 * that were over by the leeway of the others (is_longer), are known to Redis alone. */
static void plan_for(struct deny_list *l, const struct deny_sub *sub, bool is_longer)
{
	uint64_t in = MS_TO_NS(sub->terms->refresh);
	if (deny_leader(l) == sub)
		in = FIRST_READING_NS; /* nobody has followed it until now */
	if (l->full_until || is_longer)
		in = 0;
	l->read_ns = sooner(l->read_ns, sluice_now_ns() + in);
	l->reading.again |= l->reading.is_under_way && (l->reading.full_until || is_longer);
}

void deny_start(struct deny_sub *sub)
{
	struct deny_list *l = sub->list;
	if (!l)
		return;
	bool is_longer = deny_leader(l) && sub->terms->leeway > deny_leeway(l);
	sub->use = DENY_IN_FORCE;
	plan_for(l, sub, is_longer);
	const sluice_follow f = { .size = sizeof f,
		.store = l->store,
		.channel = l->key,
		.on_message = on_message,
		.on_state = on_state,
		.user = sub };
	sub->is_connected = sluice_store_follow(sub->inst, &f) == 1;
	if (sub->is_connected && !l->is_connected && deny_leader(l) == sub)
		set_connected(l, true);
	else
		deny_tell_subs(l, false); /* the leader may have to read earlier */
	sub->changed(sub, true);
}

void deny_leave(struct deny_sub *sub)
{
	struct deny_list *l = sub->list;
	if (!l)
		return;
	bool led = deny_leader(l) == sub;
	struct deny_sub **at = &l->subs;
	while (*at != sub)
		at = &(*at)->next;
	*at = sub->next;
	sub->list = NULL;
	sub->use = DENY_UNUSED;
	if (!l->subs) {
		list_free(l);
		return;
	}
	if (!led)
		return;
	deny_read_drop(l); /* its reader is gone, whoever comes next */
	struct deny_sub *leader = deny_leader(l);
	bool is_connected = leader && leader->is_connected;
	if (is_connected != l->is_connected)
		set_connected(l, is_connected);
	else
		deny_tell_subs(l, false);
}

/* ---- time ---------------------------------------------------------------------------------- */

uint64_t deny_next_at(const struct deny_sub *sub)
{
	const struct deny_list *l = sub->list;
	uint64_t at = UINT64_MAX;
	if (!l || sub->use != DENY_IN_FORCE)
		return at;
	if (deny_leader(l) == sub) {
		at = deny_table_due(l);
		if (!l->reading.is_under_way)
			at = sooner(at, l->read_ns);
	}
	uint32_t over_s = deny_over_s(l);
	if (l->full_until > over_s)
		at = sooner(at,
			sluice_now_ns() + MS_TO_NS((uint64_t)(l->full_until - over_s) * 1000));
	if (sub->terms->max_stale && deny_state_of(l, sub->terms) == DENY_STALE)
		at = sooner(at, l->current_ns + MS_TO_NS(sub->terms->max_stale));
	return at;
}

void deny_tick(struct deny_sub *sub)
{
	struct deny_list *l = sub->list;
	if (!l || sub->use != DENY_IN_FORCE)
		return;
	if (deny_leader(l) == sub) {
		if (!l->reading.is_under_way && l->read_ns <= sluice_now_ns())
			deny_read_begin(l);
		deny_make_table(l);
	}
	sub->changed(sub, sub->told != deny_state_of(l, sub->terms));
}

/* ---- what is told -------------------------------------------------------------------------- */

static void write_text(const struct deny_list *l, const struct deny_sub *sub, char *text,
	size_t size)
{
	uint64_t max = sub->terms->max_entries;
	text[0] = '\0';
	if (l->full_until > deny_over_s(l))
		(void)snprintf(text, size, "it has more than max_entries (%" PRIu64 ") members",
			deny_max_entries(l));
	else if (l->why[0])
		(void)snprintf(text, size, "%s", l->why);
	else if (l->was_read && !l->is_connected)
		(void)snprintf(text, size,
			"its channel is not connected: changes are seen by refresh alone");
	else if (l->was_read && !l->is_current)
		(void)snprintf(text, size, "it is read again, as a message may have been missed");
	else if (l->map.n * 100 > max * NEARLY_FULL)
		(void)snprintf(text, size, "it has %zu of max_entries (%" PRIu64 ") members",
			l->map.n, max);
	else if (l->malformed)
		(void)snprintf(text, size, "%" PRIu64 " members or messages are malformed",
			l->malformed);
}

static void tell_operator(const struct deny_sub *sub, enum deny_state state)
{
	static const sluice_dependency_state states[] = { [DENY_AWAITED] =
								  SLUICE_DEPENDENCY_AWAITED,
		[DENY_CURRENT] = SLUICE_DEPENDENCY_OK,
		[DENY_STALE] = SLUICE_DEPENDENCY_FAILING,
		[DENY_LOST] = SLUICE_DEPENDENCY_LOST };
	const struct deny_list *l = sub->list;
	char name[NAME_SHOWN + 8], text[DENY_WHY];
	write_text(l, sub, text, sizeof text);
	(void)snprintf(name, sizeof name, "deny:%.*s",
		l->key.len < NAME_SHOWN ? (int)l->key.len : NAME_SHOWN, l->key.data);
	const sluice_dependency d = { .size = sizeof d,
		.name = sluice_str_of(name),
		.state = state == DENY_CURRENT && text[0] ? SLUICE_DEPENDENCY_FAILING
							  : states[state],
		.ready_wait_ms = sub->terms->ready_wait,
		.source = l->key,
		.text = sluice_str_of(text),
		.entries = l->map.n,
		.current_ns = l->is_current ? sluice_now_ns() : l->current_ns,
		.next_ns = l->read_ns == UINT64_MAX ? 0 : l->read_ns,
		.failures = l->failures };
	sluice_dependency_set(sub->inst, &d);
}

struct deny_view deny_peek(const struct deny_sub *sub)
{
	const struct deny_list *l = sub->list;
	if (!l)
		return (struct deny_view){ .state = DENY_AWAITED };
	enum deny_state state = deny_state_of(l, sub->terms);
	return (struct deny_view){ deny_table_ref(l->table), state,
		state == DENY_AWAITED && !l->failures };
}

struct deny_view deny_view(struct deny_sub *sub)
{
	const struct deny_list *l = sub->list;
	struct deny_view view = deny_peek(sub);
	enum deny_state state = view.state;
	if (!l)
		return view;
	if (state == DENY_LOST && sub->told != DENY_LOST)
		sluice_log(sub->inst, SLUICE_LOG_ERROR,
			"the deny list %.*s is not to be relied on: %s", (int)l->key.len,
			l->key.data,
			l->full_until > deny_over_s(l) ? "it has more than max_entries members"
						       : "Redis is away for longer than max_stale");
	sub->told = state;
	tell_operator(sub, state);
	return view;
}

void deny_view_drop(struct deny_view *v)
{
	deny_table_unref(v->table);
	v->table = NULL;
}
