/* Tokens of servers. See sticky.h. */
#include "upstream/sticky.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "tls/hmac.h"
#include "upstream/balance.h"

enum { BUCKETS_MIN = 16, PROCESS_KEY = 32 };

struct sticky_entry {
	struct list at; /* in its bucket */
	struct sticky_token token;
	struct candidate *candidate; /* borrowed */
};

/* ---- keys ---------------------------------------------------------------------------------- */

static unsigned char process_key[PROCESS_KEY];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void process_key_make(void)
{
	random_bytes(process_key, sizeof(process_key));
}

static size_t keys_count(const struct sticky *s)
{
	return s->conf->key.n ? s->conf->key.n : 1;
}

static sluice_str keys_at(const struct sticky *s, size_t i)
{
	if (s->conf->key.n)
		return s->conf->key.v[i];
	(void)pthread_once(&process_key_once, process_key_make);
	return str_n((const char *)process_key, sizeof(process_key));
}

/* What is signed: the upstream's name, a zero byte, and the server's key, its lowest byte first. */
static void token_make(const struct sticky *s, sluice_str key, uint64_t server_key,
	struct sticky_token *out)
{
	unsigned char digest[HMAC_BYTES];
	char text[UPSTREAM_NAME_MAX + 1 + sizeof(server_key)];
	size_t len = s->upstream.len;
	check(len <= UPSTREAM_NAME_MAX, "a name of %zu bytes", len);
	memcpy(text, s->upstream.data, len);
	text[len++] = 0;
	for (size_t i = 0; i < sizeof(server_key); i++)
		text[len++] = (char)(server_key >> (8 * i));
	hmac_sha256(key, str_n(text, len), digest);
	memcpy(out->v, digest, sizeof(out->v));
}

/* ---- the table ----------------------------------------------------------------------------- */

/* Tokens are digests: their first bytes are as good as a hash. */
static struct list *sticky_bucket(const struct sticky *s, const struct sticky_token *t)
{
	uint32_t h;
	memcpy(&h, t->v, sizeof(h));
	return &s->buckets[h & (s->n_buckets - 1)];
}

static void sticky_grow(struct sticky *s)
{
	struct sticky old = *s;
	s->n_buckets = old.n_buckets ? 2 * old.n_buckets : BUCKETS_MIN;
	s->buckets = mem_array(struct list, s->n_buckets);
	for (uint32_t i = 0; i < s->n_buckets; i++)
		list_init(&s->buckets[i]);
	for (uint32_t i = 0; i < old.n_buckets; i++) {
		struct list *at;
		while ((at = list_pop(&old.buckets[i]))) {
			struct sticky_entry *e = container_of(at, struct sticky_entry, at);
			list_push(sticky_bucket(s, &e->token), &e->at);
		}
	}
	free(old.buckets);
}

static uint64_t candidate_key(const struct candidate *c)
{
	return balance_server_key(endpoint_address(c->endpoint), c->endpoint->key.host);
}

void sticky_init(struct sticky *s, const struct sticky_conf *conf, sluice_str upstream)
{
	*s = (struct sticky){ .conf = conf, .upstream = upstream };
}

void sticky_fini(struct sticky *s)
{
	check(s->n == 0, "%u tokens are left", (unsigned)s->n);
	free(s->buckets);
	*s = (struct sticky){ 0 };
}

void sticky_add(struct sticky *s, struct candidate *c)
{
	size_t n = keys_count(s);
	struct sticky_entry *v = mem_array(struct sticky_entry, n);
	c->tokens = v;
	for (size_t i = 0; i < n; i++) {
		if (s->n >= s->n_buckets)
			sticky_grow(s);
		token_make(s, keys_at(s, i), candidate_key(c), &v[i].token);
		v[i].candidate = c;
		list_push(sticky_bucket(s, &v[i].token), &v[i].at);
		s->n++;
	}
}

void sticky_remove(struct sticky *s, struct candidate *c)
{
	size_t n = keys_count(s);
	for (size_t i = 0; i < n; i++)
		list_del(&c->tokens[i].at);
	s->n -= (uint32_t)n;
	free(c->tokens);
	c->tokens = NULL;
}

struct candidate *sticky_find(const struct sticky *s, const struct sticky_token *t)
{
	if (!s->n_buckets)
		return NULL;
	list_each (at, sticky_bucket(s, t)) {
		const struct sticky_entry *e = container_of(at, struct sticky_entry, at);
		unsigned char differs = 0; /* whose first bytes are right takes no longer */
		for (int i = 0; i < STICKY_BYTES; i++)
			differs |= e->token.v[i] ^ t->v[i];
		if (!differs)
			return e->candidate;
	}
	return NULL;
}

bool sticky_is_newest(const struct candidate *c, const struct sticky_token *t,
	struct sticky_token *out)
{
	const struct sticky_token *newest = &c->tokens[0].token;
	if (t && memcmp(newest->v, t->v, sizeof(t->v)) == 0)
		return true;
	*out = *newest;
	return false;
}

/* ---- as text ------------------------------------------------------------------------------- */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int letter_value(char c)
{
	const char *at = c ? strchr(letters, c) : NULL;
	return at ? (int)(at - letters) : -1;
}

bool sticky_read(sluice_str text, struct sticky_token *out)
{
	struct sticky_token t;
	uint32_t bits = 0, n_bits = 0, n = 0;
	if (text.len != STICKY_TEXT)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int value = letter_value(text.data[i]);
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		t.v[n++] = (unsigned char)(bits >> n_bits);
		bits &= (1u << n_bits) - 1;
	}
	if (bits) /* of the 4 bits that are left: each token has one text */
		return false;
	*out = t;
	return true;
}

void sticky_write(const struct sticky_token *t, char out[STICKY_TEXT])
{
	uint32_t bits = 0, n_bits = 0, n = 0;
	for (int i = 0; i < STICKY_BYTES; i++) {
		bits = bits << 8 | t->v[i];
		n_bits += 8;
		while (n_bits >= 6) {
			n_bits -= 6;
			out[n++] = letters[bits >> n_bits & 63];
		}
		bits &= (1u << n_bits) - 1;
	}
	out[n] = letters[bits << (6 - n_bits) & 63];
}
