/*
 * Members of deny lists and messages about them. What is read, and written again, is read as the
 * same; it is found in a table by what it says, until its time has passed and it was taken back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deny_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMBER_MAX = DENY_TEXTS_MAX + 32 };

static const uint64_t key[2] = { 1, 2 };

static bool is_same(const struct deny_entry *a, const struct deny_entry *b)
{
	return a->kind == b->kind && a->before == b->before &&
		sluice_str_eq(a->issuer, b->issuer) && sluice_str_eq(a->value, b->value);
}

/* Returns the length. */
static size_t write_member(const struct deny_entry *e, char *buf)
{
	char *at = buf;
	if (e->issuer.len) {
		at = sluice_str_put(at, e->issuer);
		*at++ = '|';
	}
	at = sluice_str_put(at, sluice_str_of(deny_kind_names[e->kind]));
	if (e->before != DENY_ALL_TIMES)
		at += snprintf(at, 12, "@%" PRIu32, e->before);
	*at++ = ':';
	at = sluice_str_put(at, e->value);
	return (size_t)(at - buf);
}

/* An issuer that looks like a member of its own cannot be written as one. */
static void check_written(const struct deny_entry *e)
{
	char text[MEMBER_MAX];
	struct deny_entry again;
	size_t n = write_member(e, text);
	if (!n || n > sizeof text || !deny_member_read(sluice_str_n(text, n), &again) ||
		!is_same(e, &again))
		abort();
}

static void check_found(const struct deny_entry *e)
{
	struct deny_map map = { .n = 0 };
	struct deny_table *t;
	struct deny_row row = { .before = e->before, .until = e->until };
	if (!deny_fingerprint(key, e->kind, e->issuer, e->value, &row.print))
		abort();
	if (deny_map_put(&map, &row, 1) != DENY_PUT || !deny_table_make(&map, 100, &t))
		abort();
	if (!t != (e->until <= 100) || (t && !deny_table_has(t, &row.print, 0, 100)))
		abort();
	deny_table_unref(t);
	deny_map_remove(&map, &row);
	if (map.n)
		abort();
	deny_map_free(&map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct deny_entry e;
	uint32_t until;
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	sluice_str s = { text, size };
	(void)deny_until_read(s, &until);
	if (deny_member_read(s, &e))
		check_written(&e);
	if (deny_message_read(s, &e)) {
		check_written(&e);
		check_found(&e);
	}
	free(text);
	return 0;
}
