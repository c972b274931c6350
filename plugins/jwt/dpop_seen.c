/* Remembering proofs. */
#include "dpop_seen.h"

#include <inttypes.h>
#include <stdio.h>

#include "../jose/sign.h"

#define NS_PER_MS UINT64_C(1000000)

enum { TABLE_NAME = 128, NAME_SHOWN = 96, SWAPS_MAX = 16, ID_TEXT = 43 };

void dpop_seen_init(sluice_instance *inst, struct dpop_conf *conf)
{
	char text[TABLE_NAME];
	sluice_str name = sluice_instance_name(inst);
	const sluice_store *s = conf->store ? conf->store : sluice_store_local(inst);
	int n = snprintf(text, sizeof text, "jwt-dpop:%.*s",
		name.len < NAME_SHOWN ? (int)name.len : NAME_SHOWN, name.data);
	conf->store = sluice_store_table(inst, s, sluice_str_n(text, (size_t)n));
}

/* The cell of a proof holds the time until which it matters. Whoever writes it has the new one. */
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

static sluice_verdict note_in_redis(sluice_exchange *x, const struct dpop_conf *conf,
	const uint8_t *id, uint64_t ttl_ms, sluice_store_fn then)
{
	char key[sizeof "sluice:dpop:" + ID_TEXT], ttl[24];
	char *at = sluice_str_put(key, SLUICE_STR("sluice:dpop:"));
	(void)b64url_encode(at, id, PROOF_ID);
	int n = snprintf(ttl, sizeof ttl, "%" PRIu64, ttl_ms);
	const sluice_str command[] = { SLUICE_STR("SET"),
		sluice_str_n(key, (size_t)(at - key) + ID_TEXT), SLUICE_STR("1"), SLUICE_STR("NX"),
		SLUICE_STR("PX"), sluice_str_n(ttl, (size_t)n) };
	return sluice_store_command(x, conf->store, command, sizeof command / sizeof *command,
		conf->store_timeout, then);
}

enum seen dpop_seen_note(sluice_exchange *x, const struct dpop_conf *conf,
	const uint8_t id[static PROOF_ID], uint64_t ttl_ms, sluice_store_fn then,
	sluice_verdict *verdict)
{
	if (sluice_store_kind_of(conf->store) != SLUICE_STORE_REDIS)
		return note_in_memory(conf->store, sluice_str_n((const char *)id, PROOF_ID),
			ttl_ms);
	*verdict = note_in_redis(x, conf, id, ttl_ms, then);
	return SEEN_LATER;
}

/* SET with NX answers with nothing where the key is there. */
enum seen dpop_seen_answer(sluice_status st, const sluice_value *v)
{
	if (st != SLUICE_OK || !v)
		return SEEN_DOWN;
	if (v->type == SLUICE_V_NIL)
		return SEEN_BEFORE;
	return v->type == SLUICE_V_STR && sluice_str_is(v->s, "OK") ? SEEN_NEW : SEEN_DOWN;
}
