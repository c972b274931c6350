/* What a token is found by in a deny list. Made once for each token, and kept with it. */
#ifndef OAUTH_DENY_IDS_H
#define OAUTH_DENY_IDS_H

#include <jansson.h>

#include "deny_table.h"

struct deny_ids {
	uint32_t iat; /* 0: the token does not say, or before 1970 */
	unsigned n;
	/* by the kinds that are wanted: of its issuer, and of every issuer */
	struct siphash prints[2 * DENY_KINDS];
};

/* by: DENY_BIT()s. On the heap: free() it. NULL without memory. Claims that are no text and no
 * number are passed over. */
struct deny_ids *deny_ids_of(const json_t *claims, unsigned by);
/* table NULL: nothing is denied. */
bool deny_ids_are_on(const struct deny_ids *ids, const struct deny_table *table, uint32_t now_s);

/* Main thread, before the first use: draw the key of this process. False: there is no randomness.
 */
bool deny_ids_init(void);
/* By the key of this process. */
bool deny_row_of(const struct deny_entry *e, struct deny_row *out);

#endif
