/* Digests of tokens. See the header. */
#include "digests.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/random.h>

#include "../shared/siphash.h"

enum { PLACES = 512, LONGEST = 4096 }; /* at most 2 MiB of tokens */

/* A place: the last token whose hash led to it. */
struct digest {
	char *token; /* owned; NULL: none yet */
	size_t len;
	uint64_t hash;
	uint8_t sha256[SHA256_DIGEST_LENGTH];
};

static void forget(struct digest *d)
{
	if (d->token)
		OPENSSL_cleanse(d->token, d->len);
	free(d->token);
	d->token = NULL;
}

int digests_init(struct digests *all)
{
	if (getrandom(all->key, sizeof(all->key), 0) != (ssize_t)sizeof(all->key))
		return -1;
	all->v = calloc(PLACES, sizeof(*all->v));
	return all->v ? 0 : -1;
}

void digests_fini(struct digests *all)
{
	for (size_t i = 0; all->v && i < PLACES; i++)
		forget(&all->v[i]);
	free(all->v);
	all->v = NULL;
}

static bool is_of(const struct digest *d, sluice_str token, uint64_t hash)
{
	return d->token && d->hash == hash && d->len == token.len &&
		memcmp(d->token, token.data, token.len) == 0;
}

void digests_find(struct digests *all, sluice_str token, uint8_t out[static SHA256_DIGEST_LENGTH])
{
	uint64_t hash = all->v ? siphash(all->key, token).lo : 0;
	struct digest *d = all->v ? &all->v[hash % PLACES] : NULL;
	if (d && is_of(d, token, hash)) {
		memcpy(out, d->sha256, SHA256_DIGEST_LENGTH);
		return;
	}
	SHA256((const unsigned char *)token.data, token.len, out);
	char *copy = d && token.len <= LONGEST ? malloc(token.len + 1) : NULL;
	if (!copy)
		return;
	forget(d);
	(void)sluice_str_put(copy, token);
	*d = (struct digest){ .token = copy, .len = token.len, .hash = hash };
	memcpy(d->sha256, out, SHA256_DIGEST_LENGTH);
}
