/* A Redis for tests. See the header. */
#include "fake_redis.h"

#include <sluice/str.h>
#include <stdio.h>
#include <stdlib.h>

#include "test.h"

enum { KEYS = 400, LIST = 256, NAMES = 512 };

struct entry {
	char *key, *value; /* owned; key NULL: there is none */
	uint64_t until_ns;
	char *members[LIST]; /* of a sorted set, owned, in order */
	size_t n;
};

static struct entry entries[KEYS];
static char *names[NAMES]; /* of commands; owned */
static size_t n_names;
static bool down, held;
static unsigned fails, fails_deletes;
static char *said; /* of the last reply, owned */
static sluice_value list[LIST];
static char *listed[LIST]; /* owned */

static char *copy(sluice_str s)
{
	char *text = calloc(1, s.len + 1);
	assert_non_null(text);
	memcpy(text, s.data, s.len);
	return text;
}

static void entry_drop(struct entry *e)
{
	free(e->key);
	free(e->value);
	for (size_t i = 0; i < e->n; i++)
		free(e->members[i]);
	*e = (struct entry){ .key = NULL };
}

static struct entry *find(sluice_str key)
{
	for (size_t i = 0; i < KEYS; i++) {
		struct entry *e = &entries[i];
		if (e->key && e->until_ns <= sluice_now_ns())
			entry_drop(e);
		if (e->key && sluice_str_is(key, e->key))
			return e;
	}
	return NULL;
}

static struct entry *make(sluice_str key)
{
	struct entry *e = find(key);
	for (size_t i = 0; !e && i < KEYS; i++)
		e = entries[i].key ? NULL : &entries[i];
	assert_non_null(e);
	if (!e->key)
		*e = (struct entry){ .key = copy(key) };
	return e;
}

static uint64_t number(sluice_str s)
{
	uint64_t n = 0;
	assert_true(sluice_str_u64(s, &n));
	return n;
}

static void say(sluice_value *out, const char *text)
{
	free(said);
	said = strdup(text);
	*out = (sluice_value){ .type = SLUICE_V_STR, .s = sluice_str_of(said) };
}

/* ---- commands ------------------------------------------------------------------------------ */

static void set(const kit_call *c, sluice_value *out)
{
	const sluice_str *a = c->args;
	bool has_word = c->nargs == 6;
	struct entry *e = find(a[1]);
	uint64_t ms = number(a[c->nargs - 1]);
	assert_true(sluice_str_is(a[c->nargs - 2], "PX") && ms > 0);
	if (has_word && (sluice_str_is(a[3], "NX") ? e || held : !e))
		return;
	e = make(a[1]);
	free(e->value);
	e->value = copy(a[2]);
	e->until_ns = sluice_now_ns() + ms * 1000000;
	say(out, "OK");
}

/* The script that reads. */
static void read_session(const kit_call *c, sluice_value *out)
{
	struct entry *e = find(c->key);
	if (!e)
		return;
	if (e->until_ns < sluice_now_ns() + number(c->args[0]) * 1000000) {
		e->until_ns = sluice_now_ns() + number(c->args[1]) * 1000000;
		assert_true(n_names < NAMES);
		names[n_names++] = strdup("PEXPIRE");
	}
	say(out, e->value);
}

static void give_list(sluice_value *out, char *const *members, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(listed[i]);
		listed[i] = strdup(members[i]);
		list[i] = (sluice_value){ .type = SLUICE_V_STR, .s = sluice_str_of(listed[i]) };
	}
	*out = (sluice_value){ .type = SLUICE_V_LIST, .v = list, .n = n };
}

/* The script that adds to an index. */
static void add_to_index(const kit_call *c, sluice_value *out)
{
	struct entry *e = make(c->key);
	size_t most = number(c->args[2]), over = e->n >= most ? e->n - most + 1 : 0;
	give_list(out, e->members, over < most ? over : most);
	assert_true(e->n < LIST);
	e->members[e->n++] = copy(c->args[0]);
	e->until_ns = sluice_now_ns() + number(c->args[1]) * 1000000;
}

static int64_t take_off(struct entry *e, sluice_str member)
{
	for (size_t i = 0; e && i < e->n; i++) {
		if (!sluice_str_eq(sluice_str_of(e->members[i]), member))
			continue;
		free(e->members[i]);
		memmove(&e->members[i], &e->members[i + 1], (--e->n - i) * sizeof e->members[0]);
		return 1;
	}
	return 0;
}

static bool run_command(const kit_call *c, sluice_value *out)
{
	struct entry *e = c->nargs > 1 ? find(c->args[1]) : NULL;
	sluice_str name = c->args[0];
	if (sluice_str_is(name, "SET")) {
		set(c, out);
	} else if (sluice_str_is(name, "GET")) {
		if (e)
			say(out, e->value);
	} else if (sluice_str_is(name, "DEL") || sluice_str_is(name, "EXISTS")) {
		*out = (sluice_value){ .type = SLUICE_V_INT, .i = e ? 1 : 0 };
		if (e && sluice_str_is(name, "DEL"))
			entry_drop(e);
	} else if (sluice_str_is(name, "ZREM")) {
		*out = (sluice_value){ .type = SLUICE_V_INT, .i = take_off(e, c->args[2]) };
	} else if (sluice_str_is(name, "ZRANGE")) {
		give_list(out, e ? e->members : NULL, e ? e->n : 0);
	} else {
		return false;
	}
	return true;
}

static sluice_status answer(void *ctx, const kit_call *c, sluice_value *out)
{
	(void)ctx;
	bool reads = c->script && !strstr(c->script, "ZADD"),
	     writes = c->script ? !reads : sluice_str_is(c->args[0], "SET");
	*out = (sluice_value){ .type = SLUICE_V_NIL };
	if (down)
		return SLUICE_UNREACHABLE;
	assert_true(n_names < NAMES);
	names[n_names++] = c->script ? strdup(reads ? "READ" : "INDEX") : copy(c->args[0]);
	if (writes && fails > 0) {
		fails--;
		return SLUICE_TIMEOUT;
	}
	if (!c->script && fails_deletes > 0 && sluice_str_is(c->args[0], "DEL")) {
		fails_deletes--;
		return SLUICE_TIMEOUT;
	}
	if (reads)
		read_session(c, out);
	else if (c->script)
		add_to_index(c, out);
	else
		assert_true(run_command(c, out));
	return SLUICE_OK;
}

/* ---- for the test -------------------------------------------------------------------------- */

void fake_redis_for(sluice_store *s)
{
	for (size_t i = 0; i < KEYS; i++)
		entry_drop(&entries[i]);
	while (n_names > 0)
		free(names[--n_names]);
	for (size_t i = 0; i < LIST; i++) {
		free(listed[i]);
		listed[i] = NULL;
	}
	free(said);
	said = NULL;
	down = held = false;
	fails = fails_deletes = 0;
	if (s)
		kit_store_handle(s, answer, NULL);
}

void fake_redis_set_down(bool is_down)
{
	down = is_down;
}

void fake_redis_fail_writes(unsigned n)
{
	fails = n;
}

void fake_redis_fail_deletes(unsigned n)
{
	fails_deletes = n;
}

static bool starts(const struct entry *e, const char *start)
{
	return e->key && e->until_ns > sluice_now_ns() && !strncmp(e->key, start, strlen(start));
}

unsigned fake_redis_keys(const char *start)
{
	unsigned n = 0;
	for (size_t i = 0; i < KEYS; i++)
		n += starts(&entries[i], start);
	return n;
}

unsigned fake_redis_values(const char *text)
{
	unsigned n = 0;
	for (size_t i = 0; i < KEYS; i++)
		n += entries[i].key &&
			(strstr(entries[i].key, text) ||
				(entries[i].value && strstr(entries[i].value, text)));
	return n;
}

unsigned fake_redis_commands(const char *name)
{
	unsigned n = 0;
	for (size_t i = 0; i < n_names; i++)
		n += !strcmp(names[i], name);
	return n;
}

uint64_t fake_redis_ttl(const char *start)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (starts(&entries[i], start))
			return (entries[i].until_ns - sluice_now_ns()) / 1000000;
	}
	return 0;
}

static struct entry *first_of(const char *start)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (starts(&entries[i], start))
			return &entries[i];
	}
	fail_msg("there is no key %s", start);
	return NULL;
}

unsigned fake_redis_members(const char *start)
{
	return (unsigned)first_of(start)->n;
}

void fake_redis_hold_claims(bool hold)
{
	held = hold;
}

char *fake_redis_take(const char *start)
{
	return strdup(first_of(start)->value);
}

void fake_redis_give(const char *start, const char *value)
{
	struct entry *e = first_of(start);
	free(e->value);
	e->value = strdup(value);
}

void fake_redis_swap(const char *start)
{
	struct entry *first = NULL;
	for (size_t i = 0; i < KEYS; i++) {
		if (!starts(&entries[i], start))
			continue;
		if (first) {
			char *value = first->value;
			first->value = entries[i].value;
			entries[i].value = value;
			return;
		}
		first = &entries[i];
	}
	fail_msg("there are no two keys %s", start);
}
