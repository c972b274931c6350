/*
 * The keys of session tickets: one set for the process, so that a client may resume on any worker,
 * any listener and after a reload. A ticket is sealed with the newest key; the one before it still
 * opens tickets. Old keys are wiped, for who finds a key can read the tickets of its time.
 */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include "base/clock.h"
#include "base/str.h"

/* A key seals that long, and opens as long again: no session may be resumed after more than
 * this. */
#define TLS_TICKET_ROTATION_NS (12 * 3600 * NS_PER_S)

struct tls_tickets;

enum { TICKET_NAME = 16, TICKET_SECRET = 32 };
struct ticket_key {
	unsigned char name[TICKET_NAME]; /* in the ticket, in clear */
	unsigned char cipher[TICKET_SECRET];
	unsigned char mac[TICKET_SECRET];
};

/* Holds one reference. Any thread. */
struct tls_tickets *tls_tickets_new(void);
struct tls_tickets *tls_tickets_ref(struct tls_tickets *t);
void tls_tickets_unref(struct tls_tickets **t);
/* Make a new key if the newest has sealed for long enough; call it about every minute. Main
 * thread. */
void tls_tickets_tick(struct tls_tickets *t, uint64_t now_ns);
/* Make one now. Main thread. */
void tls_tickets_rotate(struct tls_tickets *t);

/* The newest key; or the one of that name, false when it is gone: *is_newest tells whether it still
 * seals. Any thread, without a lock. The caller wipes its copy. */
void tls_tickets_newest(const struct tls_tickets *t, struct ticket_key *out);
must_use bool tls_tickets_find(const struct tls_tickets *t, const unsigned char *name,
	struct ticket_key *out, bool *is_newest);

#endif
