/*
 * The second reader: libjwt, which nobody of this project wrote. No token that it refuses may be
 * accepted here, in the algorithms that both have. It knows less in three things, which do not
 * count: a `typ` other than JWT, and numbers that 64 bits cannot hold.
 */
#ifndef TESTS_PLUGINS_JOSE_SECOND_H
#define TESTS_PLUGINS_JOSE_SECOND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SECOND_ALGS = 9 }; /* HS, RS and ES, of three lengths */

struct second_result {
	bool ours, theirs; /* who accepts it */
	bool differs;      /* only ours does, and it should not */
	const char *token; /* until mint_fini() */
};

/*
 * Make a token of the bytes, and have both read it. The first byte chooses the algorithm, the
 * second what the rest is: a line with the header and then the claims, which are signed; or changes
 * of a good token, of three bytes each; or the token.
 */
struct second_result second_try(const uint8_t *data, size_t size);
void second_fini(void);

#endif
