/* Sessions. See the header. */
#include "session.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "../jose/strict.h"

enum { MAX_DEPTH = 17 }; /* claims have one less */

static bool read_number(const json_t *root, const char *name, uint64_t *out)
{
	const json_t *v = json_object_get(root, name);
	*out = json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v)
								: 0;
	return json_is_integer(v);
}

/* Borrow everything from root. */
static bool fill(struct session *s, json_t *root)
{
	*s = (struct session){ .root = root, .claims = json_object_get(root, "c") };
	return json_is_object(s->claims) && json_member_str(root, "a", &s->access_token) &&
		json_member_str(root, "r", &s->refresh_token) &&
		json_member_str(root, "i", &s->id_token) && read_number(root, "b", &s->begun_ms) &&
		read_number(root, "u", &s->used_ms) &&
		read_number(root, "e", &s->access_until_ms) && read_number(root, "n", &s->renew_ms);
}

static void add(json_t *root, const char *name, sluice_str s)
{
	if (s.data)
		(void)json_object_set_new_nocheck(root, name, json_stringn_nocheck(s.data, s.len));
}

static void add_number(json_t *root, const char *name, uint64_t n)
{
	(void)json_object_set_new_nocheck(root, name, json_integer((json_int_t)n));
}

/* Calls to a root that is NULL do nothing, so that one look at the end is enough. */
bool session_make(const struct session_parts *p, struct session *out)
{
	uint64_t ahead = p->ahead_ms < p->access_for_ms / 4 ? p->ahead_ms : p->access_for_ms / 4;
	uint64_t until = p->access_for_ms ? p->used_ms + p->access_for_ms : 0;
	json_t *root = json_object();
	(void)json_object_set_new_nocheck(root, "c", p->claims);
	add(root, "a", p->access_token);
	add(root, "r", p->refresh_token);
	add(root, "i", p->id_token);
	add_number(root, "b", p->begun_ms);
	add_number(root, "u", p->used_ms);
	add_number(root, "e", until);
	add_number(root, "n", until ? until - ahead : 0);
	struct session s;
	if (root && fill(&s, root)) {
		*out = s;
		return true;
	}
	json_decref(root);
	return false;
}

bool session_read(sluice_str text, struct session *out)
{
	struct session s;
	json_t *root = json_read_object(text.data, text.len, MAX_DEPTH);
	if (root && fill(&s, root)) {
		*out = s;
		return true;
	}
	json_decref(root);
	return false;
}

void session_fini(struct session *s)
{
	json_decref(s->root);
	*s = (struct session){ .root = NULL };
}

bool session_touch(struct session *s, uint64_t now_ms)
{
	s->used_ms = now_ms;
	return json_integer_set(json_object_get(s->root, "u"), (json_int_t)now_ms) == 0;
}

bool session_forget_id_token(struct session *s)
{
	s->id_token = SLUICE_STR_NONE;
	return json_object_del(s->root, "i") == 0;
}

char *session_text(const struct session *s)
{
	return json_dumps(s->root, JSON_COMPACT);
}

void session_free_text(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

void session_trim_claims(json_t *claims)
{
	static const char *const names[] = { "nonce", "at_hash", "c_hash", "s_hash", "iat", "exp",
		"nbf", "jti", "aud", "azp" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		(void)json_object_del(claims, names[i]);
}

uint64_t session_until(const struct session *s, uint64_t lifetime_ms, uint64_t idle_ms)
{
	uint64_t until = s->begun_ms + lifetime_ms, idle = s->used_ms + idle_ms;
	return idle_ms && idle < until ? idle : until;
}
