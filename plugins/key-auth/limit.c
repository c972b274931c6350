/* How many wrong keys a client's address may send: see limit.h. */
#include "limit.h"

#include <stdio.h>

#define NS_PER_MS UINT64_C(1000000)

enum { TABLE_NAME = 128, NAME_SHOWN = 96, SWAPS_MAX = 16 };

static const sluice_store *table(sluice_instance *inst, const char *what)
{
	char text[TABLE_NAME];
	sluice_str name = sluice_instance_name(inst);
	int n = snprintf(text, sizeof(text), "key-auth-%s:%.*s", what,
		name.len < NAME_SHOWN ? (int)name.len : NAME_SHOWN, name.data);
	return sluice_store_table(inst, sluice_store_local(inst), sluice_str_n(text, (size_t)n));
}

void limit_init(sluice_instance *inst, struct key_auth *k)
{
	guess_init(&k->guess, inst, "key-auth", k->failures);
	k->wrong = table(inst, "wrong");
}

/* Let the cell matter until that time. A cell that another worker has written meanwhile says the
 * same. */
static void set_cell(const sluice_store *s, sluice_str key, uint64_t now, uint64_t until)
{
	sluice_cell c;
	if (!sluice_store_cell(s, key, now, &c))
		return;
	for (unsigned i = 0; i < SWAPS_MAX && c.slot && c.value < until; i++) {
		if (sluice_store_cell_swap(&c, until))
			return;
	}
}

/* ---- wrong keys ---------------------------------------------------------------------------- */

static sluice_str text_of(const unsigned char digest[KEY_DIGEST])
{
	return sluice_str_n((const char *)digest, KEY_DIGEST);
}

bool limit_is_wrong(const struct key_auth *k, const unsigned char digest[KEY_DIGEST])
{
	uint64_t now = sluice_now_ns();
	sluice_cell c;
	return sluice_store_cell(k->wrong, text_of(digest), now, &c) && c.value > now;
}

void limit_set_wrong(const struct key_auth *k, const unsigned char digest[KEY_DIGEST])
{
	uint64_t now = sluice_now_ns();
	set_cell(k->wrong, text_of(digest), now, now + k->wrong_ttl * NS_PER_MS);
}

/* ---- known keys, and budgets ---------------------------------------------------------------- */

static sluice_str client(sluice_exchange *x)
{
	return sluice_get(x, SLUICE_I_CLIENT_IP);
}

bool limit_is_known(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST])
{
	return guess_is_known(&k->guess, client(x), text_of(digest));
}

void limit_set_known(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST])
{
	guess_set_known(&k->guess, client(x), text_of(digest));
}

bool limit_admits(sluice_exchange *x, const struct key_auth *k, uint64_t *retry_s)
{
	return guess_admits(&k->guess, client(x), retry_s);
}

bool limit_take(sluice_exchange *x, const struct key_auth *k, uint64_t *retry_s)
{
	return guess_take(&k->guess, client(x), retry_s);
}

void limit_give(sluice_exchange *x, const struct key_auth *k)
{
	guess_give(&k->guess, client(x));
}
