/* What the plugin cache reads of the network: directives, dates, ranges, entity tags and names in
 * Vary. The first byte says which; the rest is the value, in memory of its very size. */
#include <stdint.h>
#include <stdlib.h>

#include "date.h"
#include "directives.h"
#include "key.h"
#include "range.h"
#include "told.h"
#include "reach.h"
#include "validator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void read_told(sluice_str text)
{
	sluice_str rest = text, part;
	const char *end = text.data;
	while (told_next(&rest, &part)) {
		/* parts lie in the value, one behind the other */
		must(part.len && part.data >= end && part.data + part.len <= text.data + text.len);
		end = part.data + part.len;
		REACH("a part of Forwarded");
	}
	must(!rest.len);
	(void)told_by(text);
}

static bool is_number(uint64_t n)
{
	return n == DIRECTIVE_NONE || n <= SECONDS_MAX;
}

static void read_directives(sluice_str text)
{
	struct directives d, again;
	directives_init(&d);
	directives_read(&d, text);
	must(is_number(d.max_age) && is_number(d.s_maxage) && is_number(d.min_fresh) &&
		is_number(d.max_stale) && is_number(d.stale_while_revalidate) &&
		is_number(d.stale_if_error));
	for (size_t i = 0; i < d.n_fields; i++)
		must(d.fields[i].data >= text.data &&
			d.fields[i].data + d.fields[i].len <= text.data + text.len);
	REACH_IF(d.max_age != DIRECTIVE_NONE && d.max_age > 0, "a lifetime");
	REACH_IF(d.malformed, "a malformed directive");
	REACH_IF(d.n_fields > 0, "names of fields");
	(void)directives_name_field(&d, SLUICE_STR("set-cookie"));
	/* what forbids is not taken back by what comes later */
	directives_init(&again);
	directives_read(&again, text);
	directives_read(&again, SLUICE_STR("max-age=60, public"));
	must(again.no_store == d.no_store && again.is_private == d.is_private);
}

static void read_date(sluice_str text)
{
	char written[DATE_TEXT + 1];
	int64_t t = 0, back = 0;
	if (!date_read(text, 1700000000, &t))
		return;
	REACH("a date");
	if (t < 0 || t > INT64_C(253402300799))
		return;
	date_write(t, written);
	must(date_read(sluice_str_n(written, DATE_TEXT), 1700000000, &back) && back == t);
}

static void read_range(sluice_str text, uint64_t length)
{
	uint64_t first = 0, last = 0;
	enum range_kind kind = range_read(text, length, &first, &last);
	must(kind != RANGE_ONE || (first <= last && last < length));
	REACH_IF(kind == RANGE_ONE, "a range");
	REACH_IF(kind == RANGE_NOT_SATISFIED, "a range that cannot be satisfied");
}

static void read_etags(sluice_str text)
{
	bool is = etag_is(text);
	must(!is || (etag_equal(text, text) && etag_in_list(text, text)));
	must(!etag_equal_strong(text, text) || is);
	bool matches = etag_in_list(text, SLUICE_STR("\"a\""));
	REACH_IF(is, "an entity tag");
	REACH_IF(matches, "a list that matches");
}

static void read_vary(sluice_str text)
{
	char names[KEY_NAMES_MAX], again[KEY_NAMES_MAX];
	size_t n = 0, n_again = 0;
	const sluice_pair v = { SLUICE_STR("Vary"), text };
	if (!key_vary(&v, 1, names, &n) || !n)
		return;
	REACH("names in Vary");
	const sluice_pair w = { SLUICE_STR("Vary"), { names, n } };
	must(key_vary(&w, 1, again, &n_again) && n == n_again && memcmp(names, again, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	char *copy = malloc(size);
	must(copy != NULL);
	for (size_t i = 1; i < size; i++)
		copy[i - 1] = (char)data[i];
	sluice_str text = { copy, size - 1 };
	switch (data[0]) {
	case 'c':
		read_directives(text);
		break;
	case 'f':
		read_told(text);
		break;
	case 'd':
		read_date(text);
		break;
	case 'r':
		read_range(text, 10);
		read_range(text, 0);
		read_range(text, UINT64_MAX);
		break;
	case 'e':
		read_etags(text);
		break;
	default:
		read_vary(text);
		break;
	}
	free(copy);
	return 0;
}
