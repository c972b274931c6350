/* Remembering what has come: see seen.h. */
#include "seen.h"

#include <inttypes.h>
#include <sluice/str.h>
#include <stdio.h>

#define NS_PER_MS UINT64_C(1000000)

enum { TABLE_NAME = 128, NAME_SHOWN = 96, SWAPS_MAX = 16, ID_TEXT = 2 * SEEN_ID };

void seen_init(struct seen_store *s, sluice_instance *inst, const sluice_store *store,
	const char *what)
{
	char text[TABLE_NAME];
	sluice_str name = sluice_instance_name(inst), head = SLUICE_STR("sluice:");
	int n = snprintf(text, sizeof text, "%.24s:%.*s", what,
		name.len < NAME_SHOWN ? (int)name.len : NAME_SHOWN, name.data);
	store = store ? store : sluice_store_local(inst);
	s->store = sluice_store_table(inst, store, sluice_str_n(text, (size_t)n));
	char *prefix = sluice_conf_alloc(inst, head.len + strlen(what) + name.len + 2);
	char *at = sluice_str_put(sluice_str_put(prefix, head), sluice_str_of(what));
	*at++ = ':';
	at = sluice_str_put(at, name);
	*at++ = ':';
	s->prefix = sluice_str_n(prefix, (size_t)(at - prefix));
}

/* The cell of a thing holds the time until which it matters. Whoever writes it has the new one. */
static enum seen note_in_memory(const sluice_store *s, sluice_str id, uint64_t ttl_ms)
{
	uint64_t now = sluice_now_ns();
	sluice_cell cell;
	if (!sluice_store_cell(s, id, now, &cell))
		return SEEN_DOWN;
	for (unsigned i = 0; i < SWAPS_MAX; i++) {
		if (cell.value > now)
			return SEEN_BEFORE;
		if (sluice_store_cell_swap(&cell, now + ttl_ms * NS_PER_MS))
			return SEEN_NEW;
		if (!cell.slot)
			return SEEN_DOWN;
	}
	return SEEN_DOWN;
}

static sluice_verdict note_in_redis(sluice_exchange *x, const struct seen_store *s,
	const uint8_t *id, const struct seen_note *how)
{
	char ttl[24], *key = sluice_alloc(x, s->prefix.len + ID_TEXT);
	if (!key)
		return SLUICE_FAIL;
	char *at = sluice_str_put(key, s->prefix);
	for (size_t i = 0; i < SEEN_ID; i++)
		at = sluice_hex_put(at, id[i]);
	int n = snprintf(ttl, sizeof ttl, "%" PRIu64, how->ttl_ms);
	const sluice_str command[] = { SLUICE_STR("SET"), sluice_str_n(key, (size_t)(at - key)),
		SLUICE_STR("1"), SLUICE_STR("NX"), SLUICE_STR("PX"), sluice_str_n(ttl, (size_t)n) };
	return sluice_store_command(x, s->store, command, sizeof command / sizeof *command,
		how->timeout_ms, how->then);
}

enum seen seen_note(sluice_exchange *x, const struct seen_store *s,
	const uint8_t id[static SEEN_ID], const struct seen_note *how, sluice_verdict *verdict)
{
	if (sluice_store_kind_of(s->store) != SLUICE_STORE_REDIS)
		return note_in_memory(s->store, sluice_str_n((const char *)id, SEEN_ID),
			how->ttl_ms);
	*verdict = note_in_redis(x, s, id, how);
	return SEEN_LATER;
}

/* SET with NX answers with nothing where the key is there. */
enum seen seen_answer(sluice_status st, const sluice_value *v)
{
	if (st != SLUICE_OK || !v)
		return SEEN_DOWN;
	if (v->type == SLUICE_V_NIL)
		return SEEN_BEFORE;
	return v->type == SLUICE_V_STR && sluice_str_is(v->s, "OK") ? SEEN_NEW : SEEN_DOWN;
}
