/* Answers with a JSON document. */
#include "document.h"

#include <stdio.h>

#include "../shared/date.h"
#include "../shared/directives.h"

#define MS_OF_S UINT64_C(1000)

/* The next field of that name; *at starts at 0. */
static bool next_field(const sluice_fetch_response *r, sluice_str name, size_t *at, sluice_str *out)
{
	while (*at < r->n_headers) {
		const sluice_pair *f = &r->headers[(*at)++];
		if (!sluice_str_ieq(f->name, name))
			continue;
		*out = f->value;
		return true;
	}
	return false;
}

static sluice_str first_field(const sluice_fetch_response *r, sluice_str name)
{
	size_t at = 0;
	sluice_str value = SLUICE_STR_NONE;
	(void)next_field(r, name, &at, &value);
	return value;
}

/* ---- whether it may be read ---------------------------------------------------------------- */

/* The media type without its parameters. */
static sluice_str type_of(sluice_str value)
{
	return sluice_str_trim(sluice_str_cut(&value, ';'));
}

bool document_has_type(const sluice_fetch_response *r, sluice_str type)
{
	return sluice_str_ieq(type_of(first_field(r, SLUICE_STR("content-type"))), type);
}

static bool ends_in_json(sluice_str type)
{
	return type.len > 5 &&
		sluice_str_ieq(sluice_str_n(type.data + type.len - 5, 5), SLUICE_STR("+json"));
}

/* Stores of files serve JSON as bytes or as text. Pages, images and the like are none: an error
 * page, or the form of a portal that stands in between. */
static bool is_json_type(sluice_str value)
{
	static const sluice_str fine[] = { SLUICE_STR("application/json"), SLUICE_STR("text/json"),
		SLUICE_STR("text/plain"), SLUICE_STR("application/octet-stream"),
		SLUICE_STR("binary/octet-stream") };
	sluice_str type = type_of(value);
	bool is_fine = type.len == 0 || ends_in_json(type);
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		is_fine |= sluice_str_ieq(type, fine[i]);
	return is_fine;
}

bool document_is_plain(const sluice_fetch_response *r)
{
	size_t at = 0;
	sluice_str value;
	while (next_field(r, SLUICE_STR("content-encoding"), &at, &value)) {
		if (value.len && !sluice_str_ieq(value, SLUICE_STR("identity")))
			return false;
	}
	return true;
}

/* What the server wrote, for the log: at most 40 visible characters. */
static sluice_str shown(sluice_str s, char text[static 41])
{
	size_t n = 0;
	for (; n < 40 && n < s.len; n++)
		text[n] = s.data[n] >= ' ' && s.data[n] < 0x7f ? s.data[n] : '?';
	return sluice_str_n(text, n);
}

const char *document_refused(const sluice_fetch_response *r, char text[DOCUMENT_WHY])
{
	char room[41];
	if (r->status != SLUICE_OK)
		return r->error ? r->error : "the fetch failed";
	if (r->code != 200) {
		bool moved = r->code >= 300 && r->code < 400 && r->code != 304;
		(void)snprintf(text, DOCUMENT_WHY, "it answered with status %d%s", r->code,
			moved ? ", a redirect, which is not followed" : "");
		return text;
	}
	if (!document_is_plain(r)) {
		sluice_str coding = shown(first_field(r, SLUICE_STR("content-encoding")), room);
		(void)snprintf(text, DOCUMENT_WHY,
			"its answer is encoded (%.*s), which was not asked for", (int)coding.len,
			coding.data);
		return text;
	}
	sluice_str type = first_field(r, SLUICE_STR("content-type"));
	if (is_json_type(type))
		return NULL;
	type = shown(type_of(type), room);
	(void)snprintf(text, DOCUMENT_WHY, "its answer is %.*s, not JSON", (int)type.len,
		type.data);
	return text;
}

/* ---- for how long it is current ------------------------------------------------------------ */

/* RFC 9111 5.3: what is no date, and several that differ, are in the past. Seconds; 0: in the
 * past; UINT64_MAX: there is no such field. */
static uint64_t expires_in(const sluice_fetch_response *r, int64_t now)
{
	size_t at = 0;
	int64_t date, end;
	sluice_str first = first_field(r, SLUICE_STR("expires")), other;
	if (!first.data)
		return UINT64_MAX;
	while (next_field(r, SLUICE_STR("expires"), &at, &other)) {
		if (!sluice_str_eq(first, other))
			return 0;
	}
	if (!date_read(first_field(r, SLUICE_STR("date")), now, &date))
		date = now;
	return date_read(first, now, &end) && end > date ? (uint64_t)(end - date) : 0;
}

/* RFC 9111 5.1: what is no number is ignored. */
static uint64_t age_of(const sluice_fetch_response *r)
{
	uint64_t age = 0;
	return sluice_str_u64(sluice_str_trim(first_field(r, SLUICE_STR("age"))), &age) ? age : 0;
}

uint64_t document_lifetime(const sluice_fetch_response *r, uint64_t unix_ms)
{
	struct directives d;
	size_t at = 0;
	sluice_str value;
	directives_init(&d);
	while (next_field(r, SLUICE_STR("cache-control"), &at, &value))
		directives_read(&d, value);
	if (d.no_store || d.no_cache)
		return DOCUMENT_UNTOLD;
	uint64_t seconds = d.max_age != DIRECTIVE_NONE
		? d.max_age
		: expires_in(r, (int64_t)(unix_ms / MS_OF_S));
	if (seconds == 0 || seconds == UINT64_MAX)
		return DOCUMENT_UNTOLD;
	seconds = seconds < SECONDS_MAX ? seconds : SECONDS_MAX;
	uint64_t age = age_of(r);
	return age < seconds ? (seconds - age) * MS_OF_S : 0;
}
