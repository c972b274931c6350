/* Fields that tell a service what the token says. See fields.h. */
#include "fields.h"

#include <stdlib.h>

#include "../jose/claims.h"
#include "../jose/sign.h"
#include "../oauth/claim_fields.h"

/* ---- the options --------------------------------------------------------------------------- */

/* Why a field cannot carry what the token says, as the end of a sentence. NULL: it can. */
static const char *name_refused(const struct jwt_conf *conf, sluice_str name)
{
	if (sluice_names_alike(name, SLUICE_STR("authorization")))
		return "brings the token";
	if (conf->dpop.mode != DPOP_OFF && sluice_names_alike(name, SLUICE_STR("dpop")))
		return "brings the proof of the token";
	for (size_t i = 0; i < conf->places.n; i++) {
		const struct place *p = &conf->places.v[i];
		if (p->kind == PLACE_HEADER && sluice_names_alike(name, p->name))
			return "brings the token";
	}
	return claim_field_refused(name);
}

/* The same for a row of claims_to_headers. */
static const char *row_refused(const void *arg, sluice_str name)
{
	const struct jwt_conf *conf = arg;
	const char *why = name_refused(conf, name);
	if (!why && conf->claims_field.len && sluice_names_alike(name, conf->claims_field))
		why = "is that of claims_field";
	return why;
}

static int check_form(sluice_instance *inst, const struct jwt_conf *conf)
{
	sluice_str s = conf->claims_separator;
	if (!s.len || (s.len == 1 && strchr(" ,;|", s.data[0])))
		return 0;
	sluice_conf_error(inst, "claims_separator",
		"is none of a blank, a comma, a semicolon and a bar");
	return -1;
}

static int check_payload(sluice_instance *inst, const struct jwt_conf *conf)
{
	sluice_str name = conf->claims_field;
	const char *why = name.len ? name_refused(conf, name) : NULL;
	if (name.len && !why)
		sluice_own(inst, SLUICE_OWN_WORD, name);
	if (why)
		sluice_conf_error(inst, "claims_field", "field \"%.*s\" %s", (int)name.len,
			name.data, why);
	return why ? -1 : 0;
}

int fields_check(sluice_instance *inst, const struct jwt_conf *conf)
{
	return check_form(inst, conf) | check_payload(inst, conf) |
		claim_fields_check(inst, &conf->claims_to_headers, row_refused, conf);
}

/* ---- the form ------------------------------------------------------------------------------ */

/* ASCII alone: what is beyond it is \uXXXX, which no program on the way can spoil. */
static json_t *as_json(const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	json_t *s = text ? json_string(text) : NULL;
	free(text);
	return s;
}

/* Whether a member of an array would read as several, or as none. */
static bool is_left_out(sluice_str s, char separator)
{
	return s.len == 0 || memchr(s.data, separator, s.len);
}

/* Members that are texts or numbers, with the separator between them; as claim_text_write() does
 * with blanks. NULL: one has no text. */
static json_t *joined(const json_t *array, char separator)
{
	size_t i, room = 1;
	const json_t *item;
	json_array_foreach (array, i, item) {
		ptrdiff_t len = json_is_array(item) ? -1 : claim_text_len(item);
		if (len < 0 && !json_is_null(item))
			return NULL;
		room += len > 0 ? (size_t)len + 1 : 0;
	}
	char *text = malloc(room), *at = text;
	if (!text)
		return NULL;
	json_array_foreach (array, i, item) {
		char *start = at > text ? at + 1 : at;
		ptrdiff_t len = json_is_null(item) ? 0 : claim_text_len(item);
		if (len > 0)
			claim_text_write(item, start);
		if (is_left_out(sluice_str_n(start, (size_t)len), separator))
			continue;
		if (at > text)
			*at = separator;
		at = start + len;
	}
	json_t *s = json_stringn(text, (size_t)(at - text));
	free(text);
	return s;
}

/* The value whose text the field gets: a reference, or NULL for none. */
static json_t *form_of(const struct jwt_conf *conf, json_t *claim)
{
	char separator = conf->claims_separator.len ? conf->claims_separator.data[0] : ' ';
	if (conf->claims_format == FORMAT_JSON && (json_is_array(claim) || json_is_object(claim)))
		return as_json(claim);
	if (json_is_array(claim) && separator != ' ')
		return joined(claim, separator);
	return json_incref(claim);
}

/* The payload of a JWS as it was signed, which is its second part; else, also where token is empty,
 * the claims are written anew. */
static json_t *payload_of(sluice_str token, const json_t *claims)
{
	sluice_str rest = token;
	(void)sluice_str_cut(&rest, '.');
	sluice_str part = sluice_str_cut(&rest, '.');
	if (rest.data && part.len && !memchr(rest.data, '.', rest.len))
		return json_stringn(part.data, part.len);
	char *text = json_dumps(claims, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0;
	char *out = text ? malloc(B64URL_LEN(n) + 1) : NULL;
	json_t *s = out ? json_stringn(out, (size_t)(b64url_encode(out, text, n) - out)) : NULL;
	free(out);
	free(text);
	return s;
}

/* ---- the entry ----------------------------------------------------------------------------- */

static size_t count_texts(const struct jwt_conf *conf)
{
	return 1 + conf->claims_to_headers.n + (conf->claims_field.len > 0);
}

struct entry *fields_entry(const struct jwt_conf *conf, sluice_str token, json_t *claims,
	bool is_signed)
{
	size_t n = count_texts(conf), rows = conf->claims_to_headers.n;
	json_t **values = calloc(n, sizeof *values);
	if (!values) {
		json_decref(claims);
		return NULL;
	}
	values[0] = json_incref(claim_find(claims, conf->consumer));
	for (size_t i = 0; i < rows; i++)
		values[i + 1] =
			form_of(conf, claim_find(claims, conf->claims_to_headers.v[i].name));
	if (n > rows + 1)
		values[rows + 1] = payload_of(is_signed ? token : SLUICE_STR_NONE, claims);
	struct entry *e = entry_new(token, claims, (const json_t *const *)values, n);
	for (size_t i = 0; i < n; i++)
		json_decref(values[i]);
	free(values);
	return e;
}

/* ---- requests ------------------------------------------------------------------------------ */

static sluice_str name_of(const struct jwt_conf *conf, size_t i)
{
	return i < conf->claims_to_headers.n ? conf->claims_to_headers.v[i].value
					     : conf->claims_field;
}

void fields_remove(sluice_exchange *x, const struct jwt_conf *conf)
{
	for (size_t i = 0, n = count_texts(conf) - 1; i < n; i++)
		sluice_field_remove(x, SLUICE_REQUEST, name_of(conf, i));
}

void fields_set(sluice_exchange *x, const struct jwt_conf *conf, const struct entry *e)
{
	for (size_t i = 0; i + 1 < e->n_texts; i++) {
		if (e->texts[i + 1].data)
			sluice_field_set(x, SLUICE_REQUEST, name_of(conf, i), e->texts[i + 1]);
	}
}
