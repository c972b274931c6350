/*
 * Rests of servers: what the workers of the process have in common when requests fail. Failures in
 * a row are counted in the record, whichever workers saw them. The worker that reaches the bound
 * lets the server rest for all of them, and when the rest is over, one request of all tries it.
 *
 * A success must break the row, and most successes have no row to break. So a request that succeeds
 * looks at the record only while its worker has the server in doubt: for a while after a failure,
 * its own or one that it was told of. Any worker's thread; no lock, but where a rest begins.
 */
#ifndef UPSTREAM_REST_H
#define UPSTREAM_REST_H

#include "base/check.h"
#include "net/worker.h"
#include "upstream/record.h"

/* Workers are told of failures once in so long a time, and doubt for twice as long. */
#define REST_DOUBT_NS NS_PER_S

/* A request failed. Returns how many did so in a row. */
must_use unsigned rest_failed(struct record *r, uint64_t now_ns);
/* Until when this worker is to have the server in doubt, as it was told; 0: it is not. */
uint64_t rest_doubted_until(const struct record *r, uint64_t now_ns);
/* A request succeeded. */
void rest_break_row(struct record *r);

/* The door through which rests begin, one at a time in the process: who holds it can count those
 * that rest, and let one more rest, before anybody else does so. For a few lines. */
void rests_lock(void);
void rests_unlock(void);
/* Under rests_lock(): let the server rest until then; was: until when it does as far as the caller
 * knows, 0: not at all. of: whose rest it is, by TLS. False: another worker has decided meanwhile.
 * The caller has record_tell() follow. */
must_use bool rest_begin(struct record *r, uint64_t of, uint64_t was, uint64_t until_ns);
/* It does not rest any more. False: another worker has decided meanwhile. Workers are told. */
bool rest_end(struct record *r, uint64_t was);
/* Until when it rests, for those of that TLS; 0: it does not. */
uint64_t rest_until(const struct record *r, uint64_t of);

/* The next request is the trial; false: another worker's is under way. */
must_use bool rest_take_trial(struct record *r, const struct worker *w);
/* The trial of this worker, if it has one, is over, and said nothing. Workers are told. */
void rest_give_trial(struct record *r, const struct worker *w);
/* A trial is under way. */
bool rest_is_tried(const struct record *r);

#endif
