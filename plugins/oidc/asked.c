/* What is asked of a login. See the header. */
#include "asked.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

bool asked_sets(const struct oidc_conf *conf, sluice_str parameter)
{
	return (conf->acr_values.n && sluice_str_is(parameter, "acr_values")) ||
		(conf->acr_essential && sluice_str_is(parameter, "claims")) ||
		(conf->max_age && sluice_str_is(parameter, "max_age"));
}

static sluice_str join(sluice_instance *inst, const sluice_strs *words)
{
	size_t room = 1;
	for (size_t i = 0; i < words->n; i++)
		room += words->v[i].len + 1;
	char *text = sluice_conf_alloc(inst, room), *at = text;
	for (size_t i = 0; i < words->n; i++) {
		if (at != text)
			*at++ = ' ';
		at = sluice_str_put(at, words->v[i]);
	}
	return sluice_str_n(text, (size_t)(at - text));
}

/* OpenID Connect Core 5.5.1.1 */
static sluice_str essential(sluice_instance *inst, const sluice_strs *values)
{
	json_t *list = json_array(), *root = NULL;
	for (size_t i = 0; i < values->n; i++)
		(void)json_array_append_new(list,
			json_stringn(values->v[i].data, values->v[i].len));
	root = json_pack("{s:{s:{s:b,s:o}}}", "id_token", "acr", "essential", 1, "values", list);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	char *own = sluice_conf_alloc(inst, len + 1);
	(void)sluice_str_put(own, sluice_str_n(text ? text : "", len));
	free(text);
	json_decref(root);
	return sluice_str_n(own, len);
}

static bool is_word(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f)
			return false;
	}
	return s.len > 0;
}

int asked_check(sluice_instance *inst, struct oidc_conf *conf)
{
	for (size_t i = 0; i < conf->acr_values.n; i++) {
		if (is_word(conf->acr_values.v[i]))
			continue;
		sluice_conf_error(inst, "acr_values", "\"%.*s\" is no value of acr: it has a blank",
			(int)conf->acr_values.v[i].len, conf->acr_values.v[i].data);
		return -1;
	}
	if (conf->acr_essential && !conf->acr_values.n) {
		sluice_conf_error(inst, "acr_essential", "needs acr_values");
		return -1;
	}
	if (conf->acr_values.n)
		conf->acr_list = join(inst, &conf->acr_values);
	if (conf->acr_essential)
		conf->acr_claims = essential(inst, &conf->acr_values);
	if (conf->max_age) {
		enum { ROOM = 24 };
		char *text = sluice_conf_alloc(inst, ROOM);
		int n = snprintf(text, ROOM, "%" PRIu64, conf->max_age / 1000);
		conf->max_age_text = sluice_str_n(text, (size_t)n);
	}
	return 0;
}
