/* What is known of one key: see entry.h. */
#include "entry.h"

#include "rfc3339.h"

enum { GROUP_MAX = 64 };

/* ---- drafts -------------------------------------------------------------------------------- */

/* Bytes of UTF-8 count as visible. */
static bool is_visible(char c)
{
	unsigned char u = (unsigned char)c;
	return u > 0x20 && u != 0x7f;
}

static bool is_name_char(char c)
{
	return sluice_is_alnum(c) || c == '-' || c == '_' || c == '.';
}

static const char *set_name(struct draft *d, sluice_str name)
{
	if (d->name.data)
		return "has two names";
	if (name.len == 0 || name.len > ENTRY_NAME_MAX)
		return "has no name of 1 to 255 bytes";
	for (size_t i = 0; i < name.len; i++) {
		if (!is_visible(name.data[i]))
			return "has a name with a blank or a control character";
	}
	d->name = name;
	return NULL;
}

static const char *set_expires(struct draft *d, sluice_str text)
{
	if (d->expires)
		return "has two times in expires";
	d->expires = rfc3339_read(text, &d->expires_ms);
	return d->expires ? NULL
			  : "has no time as in RFC 3339 in expires, such as 2026-12-31T23:59:59Z";
}

const char *draft_group_refused(sluice_str group)
{
	bool is_right = group.len > 0 && group.len <= GROUP_MAX;
	for (size_t i = 0; is_right && i < group.len; i++)
		is_right = is_name_char(group.data[i]) || group.data[i] == '@';
	return is_right ? NULL
			: "has a group whose name is not 1 to 64 letters, digits and -_.@; commas "
			  "separate groups";
}

static const char *set_groups(struct draft *d, sluice_str groups)
{
	const char *why = NULL;
	sluice_str rest = groups;
	if (d->groups.data)
		return "has groups twice";
	if (groups.len > ENTRY_GROUPS_MAX)
		return "has groups of more than 1024 bytes";
	do
		why = draft_group_refused(sluice_str_cut(&rest, ','));
	while (!why && rest.data);
	d->groups = groups;
	return why;
}

static const char *add_fact(struct draft *d, sluice_str name, sluice_str value)
{
	bool is_right = name.len > 0 && name.len <= ENTRY_FACT_NAME_MAX;
	for (size_t i = 0; is_right && i < name.len; i++)
		is_right = is_name_char(name.data[i]);
	if (!is_right)
		return "has a fact whose name is not 1 to 64 letters, digits and -_.";
	if (value.len > ENTRY_FACT_MAX)
		return "has a fact of more than 256 bytes";
	for (size_t i = 0; i < value.len; i++) {
		if (!is_visible(value.data[i]) && value.data[i] != ' ')
			return "has a fact with a control character";
	}
	for (size_t i = 0; i < d->n_facts; i++) {
		if (sluice_str_eq(d->facts[i].name, name))
			return "has a fact twice";
	}
	if (d->n_facts == ENTRY_FACTS_MAX)
		return "has more than 16 facts";
	d->facts[d->n_facts++] = (sluice_pair){ name, value };
	return NULL;
}

const char *draft_add(struct draft *d, sluice_str name, sluice_str value)
{
	if (sluice_str_is(name, "name"))
		return set_name(d, value);
	if (sluice_str_is(name, "expires"))
		return set_expires(d, value);
	if (sluice_str_is(name, "groups"))
		return set_groups(d, value);
	return add_fact(d, name, value);
}

const char *draft_refused(const struct draft *d)
{
	return d->name.data ? NULL : "has no name";
}

/* ---- packing ------------------------------------------------------------------------------- */

/* expires, expires_ms, then texts, each with a NUL behind it: name, groups, facts. No text has a
 * NUL in it. */
enum { FIXED = 1 + sizeof(int64_t) };

size_t draft_size(const struct draft *d)
{
	size_t n = FIXED + d->name.len + 1 + d->groups.len + 1;
	for (size_t i = 0; i < d->n_facts; i++)
		n += d->facts[i].name.len + 1 + d->facts[i].value.len + 1;
	return n;
}

static char *put_text(char *at, sluice_str text)
{
	at = sluice_str_put(at, text);
	*at = '\0';
	return at + 1;
}

void draft_pack(const struct draft *d, char *to)
{
	*to++ = (char)d->expires;
	memcpy(to, &d->expires_ms, sizeof(d->expires_ms));
	to = put_text(to + sizeof(d->expires_ms), d->name);
	to = put_text(to, d->groups);
	for (size_t i = 0; i < d->n_facts; i++)
		to = put_text(put_text(to, d->facts[i].name), d->facts[i].value);
}

bool entry_unpack(sluice_str packed, struct entry *out)
{
	if (packed.len < FIXED + 2 || packed.data[packed.len - 1] != '\0')
		return false;
	out->expires = packed.data[0] != 0;
	memcpy(&out->expires_ms, packed.data + 1, sizeof(out->expires_ms));
	packed = sluice_str_skip(packed, FIXED);
	out->name = sluice_str_cut(&packed, '\0');
	out->groups = sluice_str_cut(&packed, '\0');
	out->facts = packed;
	return out->name.len > 0 && packed.data != NULL;
}

bool entry_fact(sluice_str *rest, sluice_pair *out)
{
	if (!rest->len)
		return false;
	out->name = sluice_str_cut(rest, '\0');
	out->value = sluice_str_cut(rest, '\0');
	return out->value.data != NULL;
}

/* ---- using --------------------------------------------------------------------------------- */

bool entry_is_expired(const struct entry *e, uint64_t now_ms)
{
	return e->expires && (uint64_t)e->expires_ms <= now_ms;
}

bool entry_is_in(const struct entry *e, const sluice_strs *groups)
{
	sluice_str rest = e->groups;
	while (rest.len) {
		if (sluice_str_find(sluice_str_cut(&rest, ','), groups->v, groups->n) < groups->n)
			return true;
	}
	return false;
}

bool entry_identify(const struct entry *e, sluice_exchange *x)
{
	sluice_pair facts[ENTRY_FACTS_MAX];
	sluice_str rest = e->facts;
	size_t n = 0;
	while (n < ENTRY_FACTS_MAX && entry_fact(&rest, &facts[n]))
		n++;
	const sluice_identity who = { .size = sizeof(who),
		.name = e->name,
		.groups = e->groups,
		.facts = { facts, n } };
	return sluice_identify(x, &who);
}
