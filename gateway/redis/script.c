/* Scripts. Built on the main thread. */
#include "redis/script.h"

#include <openssl/evp.h>

#include "redis/resp.h"

static sluice_str script_prefix(struct arena *a, sluice_str command, sluice_str what)
{
	char *room = arena_alloc(a,
		resp_bulk_room(command) + resp_bulk_room(what) + resp_bulk_room(STR("1")));
	check(room, "a script's arena has a budget: %zu bytes", a->budget);
	char *at = resp_bulk(room, command);
	at = resp_bulk(at, what);
	at = resp_bulk(at, STR("1"));
	return str_n(room, (size_t)(at - room));
}

static void script_digest(sluice_str source, char out[SCRIPT_SHA1 + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int ok = EVP_Digest(source.data, source.len, sum, &n, EVP_sha1(), NULL);
	check(ok == 1 && n == SCRIPT_SHA1 / 2, "SHA-1 gave %u bytes", n);
	for (unsigned i = 0; i < n; i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[SCRIPT_SHA1] = 0;
}

struct sluice_script *script_new(struct arena *a, sluice_str source)
{
	if (source.len == 0 || source.len > SCRIPT_SOURCE_MAX)
		return NULL;
	struct sluice_script *s = arena_new(a, struct sluice_script);
	check(s, "a script's arena has a budget: %zu bytes", a->budget);
	s->source = source;
	script_digest(source, s->sha1);
	s->evalsha = script_prefix(a, STR("EVALSHA"), str_n(s->sha1, SCRIPT_SHA1));
	s->eval = script_prefix(a, STR("EVAL"), source);
	return s;
}
