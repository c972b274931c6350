/* The keys of the options and of the file: see keys.h. */
#include "keys.h"

#include <stdlib.h>

enum { KEYS_MAX = 200000, SLOTS_MIN = 8 };

struct key {
	unsigned char digest[KEY_DIGEST];
	size_t at, len; /* of the packed entry, in text */
};

struct keys {
	struct key *v; /* owned */
	size_t n, room;
	char *text; /* owned: the packed entries */
	size_t used, text_room;
	/* owned: where a key is in v, plus 1; 0: the slot is free. A key has the first free slot
	 * from that of its digest on. At most half of them are taken */
	uint32_t *slots;
	size_t mask;
};

bool key_digest_read(sluice_str hex, unsigned char out[KEY_DIGEST])
{
	if (hex.len != KEY_HEX)
		return false;
	for (size_t i = 0; i < KEY_DIGEST; i++) {
		int high = sluice_hex_value(hex.data[2 * i]),
		    low = sluice_hex_value(hex.data[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

/* ---- the table ----------------------------------------------------------------------------- */

static size_t slot_of(const struct keys *k, const unsigned char digest[KEY_DIGEST])
{
	uint64_t word;
	memcpy(&word, digest, sizeof(word));
	return word & k->mask;
}

/* The slot of the digest, or the free one where it would be. */
static uint32_t *find_slot(const struct keys *k, const unsigned char digest[KEY_DIGEST])
{
	size_t at = slot_of(k, digest);
	while (k->slots[at] && memcmp(k->v[k->slots[at] - 1].digest, digest, KEY_DIGEST) != 0)
		at = (at + 1) & k->mask;
	return &k->slots[at];
}

bool keys_find(const struct keys *k, const unsigned char digest[KEY_DIGEST], struct entry *out)
{
	uint32_t index = *find_slot(k, digest);
	if (index == 0)
		return false;
	const struct key *found = &k->v[index - 1];
	return entry_unpack(sluice_str_n(k->text + found->at, found->len), out);
}

size_t keys_count(const struct keys *k)
{
	return k->n;
}

/* ---- making it ----------------------------------------------------------------------------- */

static bool make_room(struct keys *k, size_t more)
{
	if (k->text_room - k->used >= more)
		return true;
	size_t room = 2 * k->text_room + more;
	char *text = realloc(k->text, room);
	if (!text)
		return false;
	k->text = text;
	k->text_room = room;
	return true;
}

static const char *add(struct keys *k, const unsigned char digest[KEY_DIGEST],
	const struct draft *d)
{
	const char *why = draft_refused(d);
	size_t size = draft_size(d);
	if (why)
		return why;
	if (k->n == k->room)
		return "is one too many: there may be 200000";
	uint32_t *slot = find_slot(k, digest);
	if (*slot)
		return "has a key that is there twice";
	if (!make_room(k, size))
		return "finds no memory";
	struct key *key = &k->v[k->n++];
	memcpy(key->digest, digest, KEY_DIGEST);
	key->at = k->used;
	key->len = size;
	draft_pack(d, k->text + k->used);
	k->used += size;
	*slot = (uint32_t)k->n;
	return NULL;
}

static const char *add_line(struct keys *k, sluice_str line)
{
	unsigned char digest[KEY_DIGEST];
	struct draft d = { 0 };
	if (!key_digest_read(sluice_str_cut(&line, ' '), digest))
		return "does not begin with the SHA-256 of a key, 64 hexadecimal digits and a "
		       "blank";
	line = sluice_str_trim(line);
	const char *why = draft_add(&d, SLUICE_STR("name"), sluice_str_cut(&line, ' '));
	while (!why && (line = sluice_str_trim(line)).len) {
		sluice_str value = sluice_str_cut(&line, ' '), name = sluice_str_cut(&value, '=');
		why = value.data ? draft_add(&d, name, value)
				 : "has a word behind the name that is not KEY=VALUE";
	}
	return why ? why : add(k, digest, &d);
}

static bool add_file(struct keys *k, sluice_str text, struct keys_mistake *m)
{
	m->index = 0;
	for (m->line = 1; text.len; m->line++) {
		sluice_str line = sluice_str_cut(&text, '\n');
		while (line.len && line.data[line.len - 1] == '\r')
			line.len--;
		line = sluice_str_trim(line);
		if (line.len == 0 || line.data[0] == '#')
			continue;
		m->why = add_line(k, line);
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

static const char *add_option(struct keys *k, const struct key_option *o)
{
	unsigned char digest[KEY_DIGEST];
	char groups[ENTRY_GROUPS_MAX];
	struct draft d = { 0 };
	if (!key_digest_read(o->sha256, digest))
		return "has no SHA-256 of a key, 64 hexadecimal digits, in sha256";
	const char *why = draft_add(&d, SLUICE_STR("name"), o->name);
	if (!why && o->expires.len)
		why = draft_add(&d, SLUICE_STR("expires"), o->expires);
	if (!why)
		why = join_groups(&d, &o->groups, groups);
	for (size_t i = 0; i < o->facts.n && !why; i++) {
		sluice_str name = o->facts.v[i].name;
		if (sluice_str_is(name, "name") || sluice_str_is(name, "expires") ||
			sluice_str_is(name, "groups"))
			return "has a fact called name, expires or groups";
		why = draft_add(&d, name, o->facts.v[i].value);
	}
	return why ? why : add(k, digest, &d);
}

static size_t count_lines(sluice_str text)
{
	size_t n = 1;
	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

static bool fill(struct keys *k, const struct key_option *options, size_t n, sluice_str file,
	struct keys_mistake *m)
{
	size_t room = n + count_lines(file), slots = SLOTS_MIN;
	k->room = room < KEYS_MAX ? room : KEYS_MAX;
	while (slots < 2 * k->room)
		slots *= 2;
	k->mask = slots - 1;
	k->slots = calloc(slots, sizeof(*k->slots));
	k->v = calloc(k->room, sizeof(*k->v));
	if (!k->slots || !k->v)
		return false;
	for (size_t i = 0; i < n; i++) {
		m->index = i;
		m->why = add_option(k, &options[i]);
		if (m->why)
			return false;
	}
	return add_file(k, file, m);
}

struct keys *keys_new(const struct key_option *options, size_t n, sluice_str file,
	struct keys_mistake *mistake)
{
	struct keys *k = calloc(1, sizeof(*k));
	*mistake = (struct keys_mistake){ .why = "finds no memory" };
	if (k && fill(k, options, n, file, mistake))
		return k;
	keys_free(k);
	return NULL;
}

void keys_free(void *keys)
{
	struct keys *k = keys;
	if (!k)
		return;
	free(k->v);
	free(k->text);
	free(k->slots);
	free(k);
}
