/*
 * Ticket keys. The main thread writes, and every worker reads in each handshake. A sequence lock
 * protects them: readers write nothing, and read again in the rare case that the writer was at
 * work.
 */
#include "tls/tickets.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdatomic.h>

#include "base/secret.h"

enum { KEYS = 2, KEY_WORDS = sizeof(struct ticket_key) / sizeof(uint64_t) };
_Static_assert(sizeof(struct ticket_key) % sizeof(uint64_t) == 0, "a key is whole words");

struct tls_tickets {
	atomic_uint refs;
	_Atomic uint64_t sequence;               /* odd: being written */
	_Atomic uint64_t words[KEYS][KEY_WORDS]; /* the newest first */
	uint64_t rotated_ns;                     /* main thread only */
};

static void tickets_load(const struct tls_tickets *t, int which, struct ticket_key *out)
{
	uint64_t words[KEY_WORDS] = { 0 }, before, after;
	do {
		before = atomic_load_explicit(&t->sequence, memory_order_acquire);
		for (int i = 0; i < KEY_WORDS; i++)
			words[i] = atomic_load_explicit(&t->words[which][i], memory_order_acquire);
		after = atomic_load_explicit(&t->sequence, memory_order_relaxed);
	} while (before != after || (before & 1));
	memcpy(out, words, sizeof(*out));
	OPENSSL_cleanse(words, sizeof(words));
}

void tls_tickets_rotate(struct tls_tickets *t)
{
	uint64_t fresh[KEY_WORDS],
		sequence = atomic_load_explicit(&t->sequence, memory_order_relaxed);
	check(RAND_priv_bytes((unsigned char *)fresh, sizeof(fresh)) == 1, "no random bytes: %s",
		"OpenSSL gives none");
	atomic_store_explicit(&t->sequence, sequence + 1, memory_order_relaxed);
	for (int i = 0; i < KEY_WORDS; i++) {
		uint64_t old = atomic_load_explicit(&t->words[0][i], memory_order_relaxed);
		atomic_store_explicit(&t->words[1][i], old, memory_order_release);
		atomic_store_explicit(&t->words[0][i], fresh[i], memory_order_release);
	}
	atomic_store_explicit(&t->sequence, sequence + 2, memory_order_release);
	OPENSSL_cleanse(fresh, sizeof(fresh));
}

struct tls_tickets *tls_tickets_new(void)
{
	struct tls_tickets *t = secret_alloc(sizeof(*t));
	check(t, "out of memory: %s", "ticket keys");
	atomic_init(&t->refs, 1);
	/* twice: a previous key of zeroes would accept forged tickets */
	tls_tickets_rotate(t);
	tls_tickets_rotate(t);
	t->rotated_ns = clock_ns();
	return t;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void tls_tickets_unref(struct tls_tickets **at)
{
	struct tls_tickets *t = *at;
	*at = NULL;
	if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
		secret_free(t, sizeof(*t));
}

void tls_tickets_tick(struct tls_tickets *t, uint64_t now_ns)
{
	uint64_t age = now_ns - t->rotated_ns;
	if (age < TLS_TICKET_ROTATION_NS)
		return;
	/* the process was suspended: the key that would become the previous one is too old as
	   well */
	if (age >= 2 * TLS_TICKET_ROTATION_NS)
		tls_tickets_rotate(t);
	tls_tickets_rotate(t);
	t->rotated_ns = now_ns;
}

void tls_tickets_newest(const struct tls_tickets *t, struct ticket_key *out)
{
	tickets_load(t, 0, out);
}

bool tls_tickets_find(const struct tls_tickets *t, const unsigned char *name,
	struct ticket_key *out, bool *is_newest)
{
	for (int i = 0; i < KEYS; i++) {
		tickets_load(t, i, out);
		*is_newest = i == 0;
		if (CRYPTO_memcmp(out->name, name, TICKET_NAME) == 0)
			return true;
	}
	OPENSSL_cleanse(out, sizeof(*out));
	return false;
}
