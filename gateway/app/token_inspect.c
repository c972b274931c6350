/* sluice token inspect: what a token says. Nothing is verified, and nothing here says that it is
 * good. */
#include <getopt.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app/token.h"
#include "base/clock.h"
#include "base/mem.h"

enum { PART_FAULT = 256, DATE_TEXT = 96 };
/* longer times are said in days; a date that cannot be is none */
#define LAST_SECOND INT64_C(253402300799)

static const char *const dates[] = { "exp", "nbf", "iat", "auth_time" };

/* ---- parts --------------------------------------------------------------------------------- */

/* A part of a token as a JSON object; NULL, and why, when it is none. */
static json_t *part_read(sluice_str part, char why[PART_FAULT])
{
	char *std = mem_array(char, part.len + 4);
	unsigned char *bytes = mem_array(unsigned char, part.len + 4);
	size_t n = 0;
	json_error_t e;
	json_t *v = NULL;
	for (; n < part.len; n++)
		std[n] = part.data[n] == '-' ? '+' : part.data[n] == '_' ? '/' : part.data[n];
	while (n % 4)
		std[n++] = '=';
	int got = n ? EVP_DecodeBlock(bytes, (unsigned char *)std, (int)n) : -1;
	(void)snprintf(why, PART_FAULT, "is no base64url");
	if (got > 0) {
		v = json_loadb((char *)bytes, (size_t)got - (n - part.len), JSON_REJECT_DUPLICATES,
			&e);
		(void)snprintf(why, PART_FAULT, "is no JSON: %s", e.text);
	}
	if (v && !json_is_object(v)) {
		(void)snprintf(why, PART_FAULT, "is no JSON object");
		json_decref(v);
		v = NULL;
	}
	free(std);
	free(bytes);
	return v;
}

/* ---- dates --------------------------------------------------------------------------------- */

/* "in 5 min", "3 d ago" */
static void relative_text(int64_t s, char *out, size_t cap)
{
	static const struct {
		int64_t from, unit;
		const char *name;
	} units[] = { { 2 * 86400, 86400, "d" }, { 2 * 3600, 3600, "h" }, { 120, 60, "min" },
		{ 0, 1, "s" } };
	int64_t left = s < 0 ? -s : s;
	size_t i = 0;
	while (left < units[i].from)
		i++;
	(void)snprintf(out, cap, "%s%lld %s%s", s < 0 ? "" : "in ",
		(long long)(left / units[i].unit), units[i].name, s < 0 ? " ago" : "");
}

/* False: the claim is no date. */
static bool date_text(const char *name, const json_t *v, int64_t now, char out[DATE_TEXT])
{
	bool is_date = false;
	char at[40], away[40];
	struct tm tm;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
		is_date |= strcmp(dates[i], name) == 0;
	double s = json_number_value(v);
	if (!is_date || !json_is_number(v) || !(s >= 0 && s <= (double)LAST_SECOND))
		return false;
	time_t t = (time_t)s;
	if (!gmtime_r(&t, &tm) || !strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return false;
	relative_text((int64_t)t - now, away, sizeof(away));
	(void)snprintf(out, DATE_TEXT, "%s, %s", at, away);
	return true;
}

/* ---- as text and as JSON ------------------------------------------------------------------- */

static void part_print(const char *title, json_t *part, int64_t now)
{
	const char *name;
	json_t *v;
	char date[DATE_TEXT];
	(void)printf("%s\n", title);
	json_object_foreach (part, name, v) {
		json_t *key = json_string(name);
		char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
		/* a name may have any character, too */
		char *shown = json_dumps(key, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
		(void)printf("  %-12.*s %s", shown ? (int)strlen(shown) - 2 : 0,
			shown ? shown + 1 : "", text ? text : "");
		(void)printf(date_text(name, v, now, date) ? "   %s\n" : "\n", date);
		free(text);
		free(shown);
		json_decref(key);
	}
}

static json_t *dates_json(json_t *claims, int64_t now)
{
	json_t *all = json_object();
	char date[DATE_TEXT];
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		const json_t *v = json_object_get(claims, dates[i]);
		if (!date_text(dates[i], v, now, date))
			continue;
		date[strcspn(date, ",")] = 0;
		(void)json_object_set_new(all, dates[i],
			json_pack("{s:s, s:I}", "at", date, "in_seconds",
				(json_int_t)((int64_t)json_number_value(v) - now)));
	}
	return all;
}

static void token_print_json(json_t *header, json_t *claims, int64_t now)
{
	json_t *all = json_pack("{s:O, s:o, s:b}", "header", header, "claims",
		claims ? json_incref(claims) : json_null(), "verified", 0);
	if (claims)
		(void)json_object_set_new(all, "dates", dates_json(claims, now));
	char *text = json_dumps(all, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)printf("%s\n", text ? text : "{}");
	free(text);
	json_decref(all);
}

/* ---- the command --------------------------------------------------------------------------- */

static int token_fault(const char *part, const char *why)
{
	(void)fprintf(stderr, "sluice token: this is no JWT: its %s %s\n", part, why);
	return TOKEN_REFUSED;
}

static size_t parts_of(sluice_str token)
{
	size_t n = 1;
	for (size_t i = 0; i < token.len; i++)
		n += token.data[i] == '.';
	return n;
}

static int token_show(sluice_str token, bool as_json)
{
	enum { PARTS_SIGNED = 3, PARTS_ENCRYPTED = 5 };
	char why[PART_FAULT];
	int64_t now = (int64_t)(clock_unix_ms() / 1000);
	size_t parts = parts_of(token);
	json_t *claims = NULL;
	if (parts != PARTS_SIGNED && parts != PARTS_ENCRYPTED)
		return token_fault("form", "is not that of three or five parts with dots");
	json_t *header = part_read(str_cut(&token, '.'), why);
	if (!header)
		return token_fault("header", why);
	if (parts == PARTS_SIGNED)
		claims = part_read(str_cut(&token, '.'), why);
	if (parts == PARTS_SIGNED && !claims) {
		json_decref(header);
		return token_fault("claims", why);
	}
	if (as_json) {
		token_print_json(header, claims, now);
	} else {
		part_print("header", header, now);
		if (claims)
			part_print("claims", claims, now);
		(void)printf("%s\n",
			claims ? "Nothing of this was verified: `sluice token verify` does that."
			       : "It is encrypted: what it claims cannot be read without its key.");
	}
	json_decref(header);
	json_decref(claims);
	return TOKEN_ADMITTED;
}

int token_inspect(int argc, char **argv)
{
	static const struct option longs[] = { { "json", 0, NULL, 'j' }, { NULL, 0, NULL, 0 } };
	bool as_json = false;
	int opt;
	optind = 1;
	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt != 'j')
			return TOKEN_USAGE;
		as_json = true;
	}
	if (argc - optind > 1) {
		(void)fprintf(stderr, "usage: sluice token inspect [--json] [TOKEN|-]\n");
		return TOKEN_USAGE;
	}
	sluice_str token = token_given(argv[optind]);
	return token.data ? token_show(token, as_json) : TOKEN_USAGE;
}
