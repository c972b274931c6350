/* Keys of tickets: two live, older ones are gone. */
#include "tls/tickets.h"

#include "../unit.h"

static bool finds(struct tls_tickets *t, const struct ticket_key *k, bool want_newest)
{
	struct ticket_key found;
	bool newest = false;
	return tls_tickets_find(t, k->name, &found, &newest) &&
		memcmp(&found, k, sizeof(found)) == 0 && newest == want_newest;
}

TEST(rotation)
{
	struct tls_tickets *t = tls_tickets_new();
	struct ticket_key first, second, third, none = { { 0 }, { 0 }, { 0 } };
	tls_tickets_newest(t, &first);
	assert_true(finds(t, &first, true));
	assert_false(finds(t, &none, true));
	assert_false(finds(t, &none, false));
	tls_tickets_rotate(t);
	tls_tickets_newest(t, &second);
	assert_memory_not_equal(&first, &second, sizeof(first));
	assert_true(finds(t, &second, true));
	assert_true(finds(t, &first, false));
	tls_tickets_rotate(t);
	tls_tickets_newest(t, &third);
	assert_true(finds(t, &third, true));
	assert_true(finds(t, &second, false));
	assert_false(finds(t, &first, false));
	tls_tickets_unref(&t);
	assert_null(t);
}

TEST(tick)
{
	struct tls_tickets *t = tls_tickets_new();
	uint64_t now = clock_ns();
	struct ticket_key first, k;
	tls_tickets_newest(t, &first);
	tls_tickets_tick(t, now + TLS_TICKET_ROTATION_NS - 60 * NS_PER_S);
	assert_true(finds(t, &first, true));
	now += TLS_TICKET_ROTATION_NS + NS_PER_S;
	tls_tickets_tick(t, now);
	tls_tickets_tick(t, now + NS_PER_S);
	assert_true(finds(t, &first, false));
	/* after a long sleep neither is good */
	tls_tickets_newest(t, &k);
	tls_tickets_tick(t, now + 3 * TLS_TICKET_ROTATION_NS);
	assert_false(finds(t, &first, false));
	assert_false(finds(t, &k, false));
	tls_tickets_unref(&t);
}

TEST(refs)
{
	struct tls_tickets *t = tls_tickets_new(), *again = tls_tickets_ref(t);
	struct ticket_key k;
	tls_tickets_unref(&t);
	tls_tickets_newest(again, &k);
	assert_true(finds(again, &k, true));
	tls_tickets_unref(&again);
}
