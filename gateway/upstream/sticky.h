/*
 * Clients that stay with one server, by a cookie. Its value is a token: the HMAC of the upstream's
 * name and of what names the server (balance_server_key()), by a key of the gateway. So a token
 * says nothing about the server's address, nobody without the key can make one, and it is the same
 * after a restart, after a change of the order in the file, and on every gateway that has the key.
 * With several keys the tokens of all are understood, and the first makes new ones.
 *
 * A table finds the server of a token; no digest is made for a request, only for a server that
 * comes. Its
 * worker's thread only.
 */
#ifndef UPSTREAM_STICKY_H
#define UPSTREAM_STICKY_H

#include "base/list.h"
#include "upstream/conf.h"

struct candidate;

enum {
	STICKY_BYTES = 16,
	STICKY_TEXT = 22, /* of a token in base64url (RFC 4648 5), without padding */
	STICKY_KEY_MIN = 16,
};

struct sticky_token {
	unsigned char v[STICKY_BYTES];
};

struct sticky {
	const struct sticky_conf *conf; /* borrowed */
	sluice_str upstream;            /* borrowed: its name */
	struct list *buckets;           /* owned: a power of two of them; NULL: none yet */
	uint32_t n, n_buckets;
};

void sticky_init(struct sticky *s, const struct sticky_conf *conf, sluice_str upstream);
void sticky_fini(struct sticky *s); /* all candidates were removed */
void sticky_add(struct sticky *s, struct candidate *c);
void sticky_remove(struct sticky *s, struct candidate *c);
/* NULL: it is no server's, or the server is gone. */
struct candidate *sticky_find(const struct sticky *s, const struct sticky_token *t);

/* Whether t is the token of c that the first key made; if not, or t is NULL, that one is in *out.
 */
bool sticky_is_newest(const struct candidate *c, const struct sticky_token *t,
	struct sticky_token *out);
must_use bool sticky_read(sluice_str text, struct sticky_token *out);
void sticky_write(const struct sticky_token *t, char out[STICKY_TEXT]);

#endif
