/* Who signs: see signers.h. */
#include "signers.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "../httpsig/sig_key.h"
#include "../jose/kids.h"

/* What a line or an option says of one key. */
struct made {
	struct draft draft;
	sluice_str keyid, secret, public_key;
	enum sig_alg alg; /* SIG_ALGS: that of the key */
	bool is_der;      /* public_key is Base64 of DER */
	size_t line;
};

const char *signers_text_refused(sluice_str text)
{
	bool is_right = text.len > 0 && text.len <= KEYID_MAX;
	for (size_t i = 0; is_right && i < text.len; i++) {
		char c = text.data[i];
		is_right = c > 0x20 && c < 0x7f && c != '"' && c != '\\';
	}
	return is_right ? NULL
			: "is not 1 to 255 characters of visible ASCII without quotes and "
			  "backslashes";
}

/* ---- adding -------------------------------------------------------------------------------- */

static bool make_room(struct signers *s, size_t more)
{
	if (s->room - s->used >= more)
		return true;
	size_t room = 2 * s->room + more;
	char *text = realloc(s->text, room);
	if (!text)
		return false;
	s->text = text;
	s->room = room;
	return true;
}

static const char *read_key(struct key *key, const struct made *m)
{
	enum sig_alg alg = m->alg;
	if ((m->secret.len > 0) == (m->public_key.len > 0))
		return "has not exactly one of secret and public_key";
	if (m->secret.len)
		return sig_key_secret(key, m->secret, &alg);
	return m->is_der ? sig_key_der(key, m->public_key, &alg)
			 : sig_key_public(key, m->public_key, &alg);
}

static uint8_t *put_digest(uint8_t *at, sluice_str text)
{
	(void)SHA256((const uint8_t *)text.data, text.len, at);
	return at + SHA256_DIGEST_LENGTH;
}

static void make_print(const struct made *m, sluice_str packed, uint8_t out[SIGNER_PRINT])
{
	_Static_assert((int)SIGNER_PRINT == (int)SHA256_DIGEST_LENGTH, "a digest");
	uint8_t parts[3 * SHA256_DIGEST_LENGTH + 1];
	uint8_t *at = put_digest(parts, m->secret);
	at = put_digest(at, m->public_key);
	at = put_digest(at, packed);
	*at = (uint8_t)m->alg;
	(void)SHA256(parts, sizeof(parts), out);
	OPENSSL_cleanse(parts, sizeof(parts));
}

static const char *add(struct signers *s, const struct made *m)
{
	struct key *key = &s->set->v[s->set->n];
	const char *why = signers_text_refused(m->keyid) ? "has a keyid that is not 1 to 255 "
							   "characters of visible ASCII without "
							   "quotes and backslashes"
							 : draft_refused(&m->draft);
	size_t size = draft_size(&m->draft);
	if (!why)
		why = read_key(key, m);
	if (why)
		return why;
	struct packed *p = &s->v[s->set->n++]; /* the set frees the key from here on */
	if (!key_set_kid(key, m->keyid) || !make_room(s, size))
		return "finds no memory";
	*p = (struct packed){ .at = s->used, .len = size, .line = m->line };
	draft_pack(&m->draft, s->text + s->used);
	make_print(m, sluice_str_n(s->text + s->used, size), p->print);
	s->used += size;
	return NULL;
}

static const char *take_word(struct made *m, sluice_str name, sluice_str value)
{
	if (sluice_str_is(name, "secret")) {
		m->secret = value;
	} else if (sluice_str_is(name, "public_key")) {
		m->public_key = value;
		m->is_der = true;
	} else if (sluice_str_is(name, "algorithm")) {
		m->alg = sig_alg_find(value);
		return m->alg == SIG_ALGS ? "has an algorithm that is not known" : NULL;
	} else {
		return draft_add(&m->draft, name, value);
	}
	return value.len ? NULL : "has an empty key";
}

static const char *add_line(struct signers *s, sluice_str line, size_t number)
{
	struct made m = { .alg = SIG_ALGS, .line = number };
	m.keyid = sluice_str_cut(&line, ' ');
	line = sluice_str_trim(line);
	const char *why = draft_add(&m.draft, SLUICE_STR("name"), sluice_str_cut(&line, ' '));
	while (!why && (line = sluice_str_trim(line)).len) {
		sluice_str value = sluice_str_cut(&line, ' '), name = sluice_str_cut(&value, '=');
		why = value.data ? take_word(&m, name, value)
				 : "has a word behind the name that is not KEY=VALUE";
	}
	return why ? why : add(s, &m);
}

static bool add_file(struct signers *s, size_t room, sluice_str text, struct signers_mistake *m)
{
	m->index = 0;
	for (m->line = 1; text.len; m->line++) {
		sluice_str line = sluice_str_cut(&text, '\n');
		while (line.len && line.data[line.len - 1] == '\r')
			line.len--;
		line = sluice_str_trim(line);
		if (line.len == 0 || line.data[0] == '#')
			continue;
		m->why = s->set->n == room ? "is one too many: there may be 10000"
					   : add_line(s, line, m->line);
		if (m->why)
			return false;
	}
	return true;
}

/* The groups of an option, as a text. */
static const char *join_groups(struct draft *d, const sluice_strs *groups,
	char text[ENTRY_GROUPS_MAX])
{
	char *at = text;
	const char *why = NULL;
	for (size_t i = 0; i < groups->n && !why; i++) {
		why = draft_group_refused(groups->v[i]);
		if (!why && (size_t)(at - text) + groups->v[i].len + 1 > ENTRY_GROUPS_MAX)
			why = "has groups of more than 1024 bytes";
		if (why)
			break;
		if (i)
			*at++ = ',';
		at = sluice_str_put(at, groups->v[i]);
	}
	d->groups = sluice_str_n(text, (size_t)(at - text));
	return why;
}

static bool is_word(sluice_str name)
{
	static const char *const words[] = { "name", "expires", "groups", "secret", "public_key",
		"algorithm" };
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (sluice_str_is(name, words[i]))
			return true;
	}
	return false;
}

static const char *add_option(struct signers *s, const struct signer_option *o)
{
	char groups[ENTRY_GROUPS_MAX];
	struct made m = { .keyid = o->keyid,
		.secret = o->secret,
		.public_key = o->public_key,
		.alg = o->algorithm ? (enum sig_alg)(o->algorithm - 1) : SIG_ALGS };
	const char *why = draft_add(&m.draft, SLUICE_STR("name"), o->name);
	if (!why && o->expires.len)
		why = draft_add(&m.draft, SLUICE_STR("expires"), o->expires);
	if (!why)
		why = join_groups(&m.draft, &o->groups, groups);
	for (size_t i = 0; i < o->facts.n && !why; i++) {
		why = is_word(o->facts.v[i].name)
			? "has a fact that is called like an option of a key"
			: draft_add(&m.draft, o->facts.v[i].name, o->facts.v[i].value);
	}
	return why ? why : add(s, &m);
}

/* ---- making it ----------------------------------------------------------------------------- */

static size_t count_lines(sluice_str text)
{
	size_t n = 1;
	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

/* Whether no keyid is there twice; else *m has the second place. */
static bool are_different(const struct signers *s, struct signers_mistake *m)
{
	const struct keyset *set = s->set;
	for (size_t i = 1; i < set->n_named; i++) {
		const struct key *a = &set->v[set->by_kid[i - 1]], *b = &set->v[set->by_kid[i]];
		if (a->kid_len != b->kid_len || memcmp(a->kid, b->kid, a->kid_len) != 0)
			continue;
		*m = (struct signers_mistake){ .line = s->v[set->by_kid[i]].line,
			.index = set->by_kid[i],
			.why = "has a keyid that is there twice" };
		return false;
	}
	return true;
}

static bool fill(struct signers *s, const struct signer_option *options, size_t n, sluice_str file,
	struct signers_mistake *m)
{
	size_t room = n + count_lines(file);
	room = room < SIGNERS_MAX ? room : SIGNERS_MAX;
	s->set = keys_new(SLUICE_STR(""), room);
	s->v = calloc(room, sizeof(*s->v));
	if (!s->set || !s->v)
		return false;
	for (size_t i = 0; i < n; i++) {
		m->index = i;
		m->why = add_option(s, &options[i]);
		if (m->why)
			return false;
	}
	if (!add_file(s, room, file, m))
		return false;
	m->why = "finds no memory";
	return kids_index(s->set) && are_different(s, m);
}

struct signers *signers_new(const struct signer_option *options, size_t n, sluice_str file,
	struct signers_mistake *mistake)
{
	struct signers *s = calloc(1, sizeof(*s));
	*mistake = (struct signers_mistake){ .why = "finds no memory" };
	if (s && fill(s, options, n, file, mistake))
		return s;
	signers_free(s);
	return NULL;
}

void signers_free(void *signers)
{
	struct signers *s = signers;
	if (!s)
		return;
	keys_unref(s->set);
	free(s->v);
	free(s->text);
	free(s);
}

size_t signers_count(const struct signers *s)
{
	return s->set->n;
}

const uint8_t *signers_print(const struct signers *s, const struct key *key)
{
	return s->v[key - s->set->v].print;
}

const struct key *signers_find(const struct signers *s, sluice_str keyid, struct entry *out)
{
	size_t n;
	const uint16_t *at = keys_find(s->set, keyid.data, keyid.len, &n);
	if (n != 1)
		return NULL;
	const struct packed *p = &s->v[*at];
	return entry_unpack(sluice_str_n(s->text + p->at, p->len), out) ? &s->set->v[*at] : NULL;
}
