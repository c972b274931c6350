/*
 * Reading a deny list from Redis, in pages by ZSCAN, which gives every member that is there from
 * the beginning to the end. What is found takes the place of what was known; what messages said in
 * the meantime is newer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../shared/jitter.h"
#include "deny_impl.h"

#define PAGE "500"
#define PAGE_TIMEOUT_MS UINT64_C(2000)
#define READING_MAX_NS MS_TO_NS(UINT64_C(60000))
#define FIRST_PAUSE_MS UINT64_C(250) /* after a first failure */
/* Removing takes a member from all gateways, by the clock of this one. So it waits for a day, in
 * which a clock that is ahead is noticed, and no leeway is as long. */
enum { TRIM_AFTER_S = 86400, JITTER = 80 /* percent */ };

static void next_page(struct deny_list *l);

/* The shortest of all who are in force. */
static uint64_t refresh_of(const struct deny_list *l)
{
	uint64_t ms = UINT64_MAX / 2000000;
	for (const struct deny_sub *sub = l->subs; sub; sub = sub->next)
		ms = sub->use == DENY_IN_FORCE && sub->terms->refresh < ms ? sub->terms->refresh
									   : ms;
	return ms;
}

/* ---- how it ends --------------------------------------------------------------------------- */

static void forget(struct deny_reading *r)
{
	deny_map_free(&r->found);
	deny_map_free(&r->news);
	*r = (struct deny_reading){ .is_under_way = false };
}

void deny_read_drop(struct deny_list *l)
{
	if (!l->reading.is_under_way)
		return;
	forget(&l->reading);
	l->read_ns = sluice_now_ns();
}

static void failed(struct deny_list *l, const char *why)
{
	struct deny_sub *reader = l->reading.reader;
	uint64_t longest = refresh_of(l), pause = FIRST_PAUSE_MS << (l->failed < 8 ? l->failed : 8);
	bool was_known = l->why[0] != '\0';
	pause = jittered(pause < longest ? pause : longest, JITTER);
	(void)snprintf(l->why, sizeof l->why, "%s", why);
	l->failed++;
	l->failures++;
	if (!was_known)
		sluice_log(reader->inst, l->was_read ? SLUICE_LOG_WARN : SLUICE_LOG_ERROR,
			"the deny list %.*s cannot be read: %s", (int)l->key.len, l->key.data, why);
	forget(&l->reading);
	deny_set_not_current(l);
	l->read_ns = sluice_now_ns() + MS_TO_NS(pause);
	deny_tell_subs(l, !l->was_read); /* requests may be waiting for the first reading */
}

static void on_trimmed(sluice_instance *inst, void *conf, void *user, sluice_status st,
	const sluice_value *v)
{
	(void)inst, (void)conf, (void)v;
	struct deny_sub *sub = user;
	if (st == SLUICE_ERROR && sub->list)
		sub->list->no_trim = true; /* the user may read alone */
}

/* Members that matter no more are of no use to anybody. */
static void trim(struct deny_list *l, struct deny_sub *reader)
{
	char until[16];
	int n = snprintf(until, sizeof until, "%" PRIu32, deny_now_s() - TRIM_AFTER_S);
	const sluice_str argv[] = { SLUICE_STR("ZREMRANGEBYSCORE"), l->key, SLUICE_STR("-inf"),
		sluice_str_n(until, (size_t)n) };
	const sluice_main_ask ask = { .size = sizeof ask,
		.store = l->store,
		.argv = argv,
		.argc = sizeof argv / sizeof *argv,
		.timeout_ms = PAGE_TIMEOUT_MS,
		.fn = on_trimmed,
		.user = reader };
	(void)sluice_main_command(reader->inst, &ask);
}

/* What is wrong with the members that were found, where the last reading did not say so. */
static void tell_faults(const struct deny_list *l, const struct deny_reading *r)
{
	sluice_instance *inst = r->reader->inst;
	if (r->malformed && r->malformed != l->malformed)
		sluice_log(inst, SLUICE_LOG_WARN,
			"%" PRIu64 " members of the deny list %.*s deny nothing: they are not "
			"[ISSUER|]jti:, sub: or sid: and a value",
			r->malformed, (int)l->key.len, l->key.data);
	if (r->full_until && !l->full_until)
		sluice_log(inst, SLUICE_LOG_ERROR,
			"the deny list %.*s has more than max_entries (%" PRIu64
			") members: some tokens on it would pass",
			(int)l->key.len, l->key.data, deny_max_entries(l));
}

/* What was found takes the place of the map, and what was said meanwhile comes on top. */
static void take_found(struct deny_list *l)
{
	struct deny_reading *r = &l->reading;
	struct deny_map news = r->news;
	deny_map_free(&l->map);
	l->map = r->found;
	r->found = r->news = (struct deny_map){ .n = 0 };
	r->is_under_way = false; /* so that the news is not noted once more */
	l->malformed = r->malformed;
	l->full_until = r->full_until;
	for (size_t i = 0; i < news.room; i++) {
		if (news.rows[i].print.hi)
			deny_put_row(l, &news.rows[i]);
	}
	deny_map_free(&news);
	l->is_dirty = true;
}

/* The list is current only with a table that says what was found: it is made at once, however
 * short ago the last one was made. */
static void succeeded(struct deny_list *l)
{
	struct deny_reading *r = &l->reading;
	bool again = r->again;
	tell_faults(l, r);
	take_found(l);
	if (!deny_replace_table(l)) {
		failed(l, "there is no memory");
		return;
	}
	if (l->why[0])
		sluice_log(r->reader->inst, SLUICE_LOG_INFO,
			"the deny list %.*s is read again: %zu entries", (int)l->key.len,
			l->key.data, l->map.n);
	l->why[0] = '\0';
	l->failed = 0;
	l->was_read = true;
	l->is_current = l->is_connected && !again;
	l->current_ns = sluice_now_ns();
	l->read_ns = sluice_now_ns() + (again ? 0 : MS_TO_NS(jittered(refresh_of(l), JITTER)));
	if (r->has_expired && !l->no_trim)
		trim(l, r->reader);
	forget(r);
	deny_tell_subs(l, true);
}

/* ---- pages --------------------------------------------------------------------------------- */

static bool take_member(struct deny_list *l, sluice_str member, sluice_str score)
{
	struct deny_reading *r = &l->reading;
	struct deny_entry e;
	struct deny_row row;
	uint32_t now = deny_now_s();
	if (!deny_member_read(member, &e) || !deny_until_read(score, &e.until) ||
		!deny_row_of(&e, &row)) {
		r->malformed++;
		return true;
	}
	r->has_expired |= row.until < now && now - row.until >= TRIM_AFTER_S;
	if (row.until <= deny_over_s(l))
		return true;
	switch (deny_map_put(&r->found, &row, deny_max_entries(l))) {
	case DENY_PUT_NO_MEMORY:
		return false;
	case DENY_PUT_FULL:
		r->full_until = row.until > r->full_until ? row.until : r->full_until;
		return true;
	default:
		return true;
	}
}

static bool is_text(const sluice_value *v)
{
	return v->type == SLUICE_V_STR;
}

/* [cursor, [member, score, ...]]. NULL, or why it is not. */
static const char *take_page(struct deny_list *l, const sluice_value *v)
{
	struct deny_reading *r = &l->reading;
	if (v->type != SLUICE_V_LIST || v->n != 2 || !is_text(&v->v[0]) ||
		v->v[1].type != SLUICE_V_LIST || v->v[1].n % 2 || !v->v[0].s.len ||
		v->v[0].s.len >= DENY_CURSOR_MAX)
		return "the answer to ZSCAN is malformed";
	for (size_t i = 0; i < v->v[1].n; i += 2) {
		const sluice_value *member = &v->v[1].v[i], *score = member + 1;
		if (!is_text(member) || !is_text(score))
			return "the answer to ZSCAN is malformed";
		if (!take_member(l, member->s, score->s))
			return "there is no memory";
	}
	*sluice_str_put(r->cursor, v->v[0].s) = '\0';
	return NULL;
}

static void on_page(sluice_instance *inst, void *conf, void *user, sluice_status st,
	const sluice_value *v)
{
	(void)inst, (void)conf;
	struct deny_sub *sub = user;
	struct deny_list *l = sub->list;
	char why[DENY_WHY];
	if (!l || !l->reading.is_under_way || l->reading.reader != sub)
		return;
	if (st == SLUICE_ERROR && is_text(v))
		(void)snprintf(why, sizeof why, "Redis answers: %.*s", (int)v->s.len, v->s.data);
	else
		(void)snprintf(why, sizeof why, "Redis does not answer");
	const char *wrong = st == SLUICE_OK ? take_page(l, v) : why;
	if (wrong)
		failed(l, wrong);
	else if (sluice_str_is(sluice_str_of(l->reading.cursor), "0"))
		succeeded(l);
	else if (sluice_now_ns() - l->reading.begun_ns > READING_MAX_NS)
		failed(l, "it takes longer than a minute");
	else
		next_page(l);
}

static void next_page(struct deny_list *l)
{
	struct deny_reading *r = &l->reading;
	const sluice_str argv[] = { SLUICE_STR("ZSCAN"), l->key, sluice_str_of(r->cursor),
		SLUICE_STR("COUNT"), SLUICE_STR(PAGE) };
	const sluice_main_ask ask = { .size = sizeof ask,
		.store = l->store,
		.argv = argv,
		.argc = sizeof argv / sizeof *argv,
		.timeout_ms = PAGE_TIMEOUT_MS,
		.fn = on_page,
		.user = r->reader };
	if (sluice_main_command(r->reader->inst, &ask) != 0)
		failed(l, "Redis is away");
}

void deny_read_begin(struct deny_list *l)
{
	struct deny_sub *leader = deny_leader(l);
	if (!leader)
		return;
	if (l->reading.is_under_way) {
		l->reading.again = true;
		return;
	}
	l->read_ns = UINT64_MAX;
	l->reading = (struct deny_reading){ .is_under_way = true,
		.cursor = "0",
		.begun_ns = sluice_now_ns(),
		.reader = leader };
	next_page(l);
}
