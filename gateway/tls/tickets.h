/*
 * The keys of session tickets: one set for the process, so that a client may resume on any worker,
 * any listener and after a reload. A ticket is encrypted with the newest key; the previous key
 * still decrypts. Older keys are wiped, since whoever has a key can read the tickets made with it.
 */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include "base/clock.h"
#include "base/str.h"

/* A key encrypts for this time and then decrypts for the same time again. Sessions must not be
 * resumable for longer than this. */
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
/* Make a new key if the newest has encrypted for long enough. To be called about every minute. Main
 * thread. */
void tls_tickets_tick(struct tls_tickets *t, uint64_t now_ns);
/* Make one now. Main thread. */
void tls_tickets_rotate(struct tls_tickets *t);

/* Copy the newest key; or the one of that name, false when there is none: *is_newest tells whether
 * it still encrypts. Any thread, without a lock. The caller wipes its copy. */
void tls_tickets_newest(const struct tls_tickets *t, struct ticket_key *out);
must_use bool tls_tickets_find(const struct tls_tickets *t, const unsigned char *name,
	struct ticket_key *out, bool *is_newest);

#endif
