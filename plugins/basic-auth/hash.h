/* Hashes of passwords, as htpasswd files have them. Any thread. */
#ifndef PLUGINS_BASIC_AUTH_HASH_H
#define PLUGINS_BASIC_AUTH_HASH_H

#include <sluice/str.h>

enum { HASH_MAX = 200 }; /* bytes of a hash */

/* what one thread needs to compute hashes, which is more than a stack should have */
struct hasher;
struct hasher *hasher_new(void); /* NULL: no memory */
void hasher_free(struct hasher *h);

/* Whether this is a hash that can be verified, in a time that is bounded. NULL, or what is wrong
 * with it, as the rest of a sentence that does not show the hash. */
const char *hash_refused(sluice_str hash);

/* Whether it is of a kind that can be guessed fast where the file was stolen (MD5). */
bool hash_is_weak(sluice_str hash);

/* Whether the hash is of the password; both end with a NUL. Takes the time that the hash was made
 * to take. */
bool hash_verify(struct hasher *h, const char *password, const char *hash);

#endif
