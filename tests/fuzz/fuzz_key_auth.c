/* What key-auth reads of others: a file of keys, the fields of a hash of a store, and cookies. What
 * was read is in bounds and stays what it was when it is packed; a cookie that was taken off is
 * gone. */
#include <stdlib.h>

#include "../shared/cookies.h"
#include "keys.h"
#include "reach.h"
#include "../shared/rfc3339.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool has_nul(sluice_str s)
{
	return s.len && memchr(s.data, '\0', s.len) != NULL;
}

/* Pieces of a hash as a store gives them: name and value on a line each. */
static void read_fields(sluice_str text)
{
	struct draft d = { 0 };
	struct entry e;
	sluice_pair fact;
	size_t n = 0;
	while (text.len) {
		sluice_str name = sluice_str_cut(&text, '\n'), value = sluice_str_cut(&text, '\n');
		if (draft_add(&d, name, value))
			return;
	}
	if (draft_refused(&d))
		return;
	size_t room = draft_size(&d);
	char *packed = malloc(room);
	must(packed != NULL);
	draft_pack(&d, packed);
	must(entry_unpack(sluice_str_n(packed, room), &e));
	must(sluice_str_eq(e.name, d.name) && sluice_str_eq(e.groups, d.groups));
	must(e.expires == d.expires && (!e.expires || e.expires_ms == d.expires_ms));
	must(!has_nul(e.name) && !has_nul(e.groups));
	for (sluice_str rest = e.facts; entry_fact(&rest, &fact); n++)
		must(n < d.n_facts && sluice_str_eq(fact.name, d.facts[n].name) &&
			sluice_str_eq(fact.value, d.facts[n].value));
	must(n == d.n_facts);
	free(packed);
	REACH("a hash with a name");
	REACH_IF(d.n_facts > 1, "a hash with facts");
}

static void read_file(sluice_str text)
{
	struct keys_mistake m;
	struct keys *k = keys_new(NULL, 0, text, &m);
	must(k || m.why);
	REACH_IF(k && keys_count(k) > 1, "a file of keys");
	REACH_IF(!k && m.line > 1, "a mistake in a file");
	keys_free(k);
}

/* The bytes of an entry may be any: those of another version of the plugin. */
static void unpack(sluice_str text)
{
	struct entry e;
	sluice_pair fact;
	if (!entry_unpack(text, &e))
		return;
	for (sluice_str rest = e.facts; entry_fact(&rest, &fact);)
		must(fact.name.len <= text.len && fact.value.len <= text.len);
}

/* The first byte is the name. */
static void take_cookie(sluice_str text)
{
	bool found = false, again = false;
	if (text.len < 2)
		return;
	sluice_str name = sluice_str_n(text.data, 1), value = sluice_str_skip(text, 1);
	char *left = malloc(2 * value.len + 2), *twice = malloc(4 * value.len + 6);
	must(left && twice);
	char *end = cookies_keep(value, name, left, left, &found);
	must((size_t)(end - left) <= 2 * value.len + 2);
	char *same =
		cookies_keep(sluice_str_n(left, (size_t)(end - left)), name, twice, twice, &again);
	must(!again && same - twice == end - left);
	must(memcmp(left, twice, (size_t)(end - left)) == 0);
	REACH_IF(found && end > left, "a cookie among others");
	free(left);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char nothing[] = "";
	sluice_str text = { size ? (const char *)data : nothing, size };
	int64_t ms = 0;
	if (rfc3339_read(text, &ms)) {
		must(ms >= 0);
		REACH("a time");
	}
	read_fields(text);
	read_file(text);
	unpack(text);
	take_cookie(text);
	return 0;
}
