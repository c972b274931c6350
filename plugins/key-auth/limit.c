/* How many wrong keys a client's address may send: see limit.h. */
#include "limit.h"

#include <stdio.h>

#define NS_PER_MS UINT64_C(1000000)
#define DAY_NS (UINT64_C(86400000) * NS_PER_MS)

enum { V6_PREFIX = 64, TABLE_NAME = 128, NAME_SHOWN = 96, SWAPS_MAX = 16 };

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
	k->guess_ns = k->guess.burst * k->guess.interval_ns;
	k->wrong = table(inst, "wrong");
	k->known = table(inst, "known");
	k->shared = sluice_conf_alloc(inst, sizeof(*k->shared));
	atomic_init(&k->shared->wrong_ns, 0);
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

static sluice_str wrong_key(const unsigned char digest[KEY_DIGEST])
{
	return sluice_str_n((const char *)digest, KEY_DIGEST);
}

bool limit_is_wrong(const struct key_auth *k, const unsigned char digest[KEY_DIGEST])
{
	uint64_t now = sluice_now_ns();
	sluice_cell c;
	return sluice_store_cell(k->wrong, wrong_key(digest), now, &c) && c.value > now;
}

void limit_set_wrong(const struct key_auth *k, const unsigned char digest[KEY_DIGEST])
{
	uint64_t now = sluice_now_ns();
	set_cell(k->wrong, wrong_key(digest), now, now + k->wrong_ttl * NS_PER_MS);
}

/* ---- known keys ---------------------------------------------------------------------------- */

enum { KNOWN_KEY = SLUICE_IP_NETWORK + KEY_DIGEST };

static sluice_str known_key(sluice_exchange *x, const unsigned char digest[KEY_DIGEST],
	char text[KNOWN_KEY])
{
	char network[SLUICE_IP_NETWORK];
	sluice_str ip = sluice_get(x, SLUICE_I_CLIENT_IP);
	if (ip.len && memchr(ip.data, ':', ip.len))
		ip = sluice_ip_network(ip, 32, V6_PREFIX, network);
	memcpy(text, digest, KEY_DIGEST);
	size_t n = ip.len < SLUICE_IP_NETWORK ? ip.len : SLUICE_IP_NETWORK;
	char *end = sluice_str_put(text + KEY_DIGEST, sluice_str_n(ip.data, n));
	return sluice_str_n(text, (size_t)(end - text));
}

bool limit_is_known(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST])
{
	char text[KNOWN_KEY];
	uint64_t now = sluice_now_ns();
	sluice_cell c;
	return sluice_store_cell(k->known, known_key(x, digest, text), now, &c) && c.value > now;
}

/* A cell is written when half of its time is over, so that most requests only read it. */
void limit_set_known(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST])
{
	char text[KNOWN_KEY];
	uint64_t now = sluice_now_ns();
	sluice_cell c;
	if (sluice_store_cell(k->known, known_key(x, digest, text), now, &c) &&
		c.value < now + DAY_NS / 2)
		(void)sluice_store_cell_swap(&c, now + DAY_NS); /* or another worker has done so */
}

/* ---- budgets ------------------------------------------------------------------------------- */

/* When no key was wrong for the time in which any budget is full again, none is spent: then nobody
 * has to look. */
bool limit_admits(sluice_exchange *x, const struct key_auth *k, uint64_t *retry_s)
{
	uint64_t last = atomic_load_explicit(&k->shared->wrong_ns, memory_order_relaxed);
	return last == 0 || sluice_now_ns() - last > k->guess_ns ||
		guess_may(&k->guess, sluice_get(x, SLUICE_I_CLIENT_IP), retry_s);
}

bool limit_take(sluice_exchange *x, const struct key_auth *k, uint64_t *retry_s)
{
	atomic_store_explicit(&k->shared->wrong_ns, sluice_now_ns(), memory_order_relaxed);
	return guess_take(&k->guess, sluice_get(x, SLUICE_I_CLIENT_IP), retry_s);
}

void limit_give(sluice_exchange *x, const struct key_auth *k)
{
	guess_give(&k->guess, sluice_get(x, SLUICE_I_CLIENT_IP));
}
