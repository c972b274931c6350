/* Members of Signature-Input. */
#include "input.h"

const char *const input_param_names[] = { "created", "expires", "nonce", "alg", "keyid", "tag",
	NULL };

static bool take_time(struct sig_input *in, enum input_param which, int64_t *out)
{
	const char *name = which == INPUT_CREATED ? "created" : "expires";
	const struct sf_bare *v = sf_param(&in->covers.params, name);
	if (!v)
		return true;
	in->given |= which;
	*out = v->number;
	return v->type == SF_INTEGER && v->number >= 0;
}

static bool take_text(struct sig_input *in, enum input_param which, const char *name,
	sluice_str *out)
{
	const struct sf_bare *v = sf_param(&in->covers.params, name);
	if (!v)
		return true;
	in->given |= which;
	*out = v->text;
	return v->type == SF_STRING;
}

static bool are_names(const struct sf_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].value.type != SF_STRING || !list->v[i].value.text.len)
			return false;
	}
	return true;
}

bool input_read(sluice_str list, struct sig_input *out)
{
	out->given = 0;
	return sf_list_read(list, &out->covers) && are_names(&out->covers) &&
		take_time(out, INPUT_CREATED, &out->created) &&
		take_time(out, INPUT_EXPIRES, &out->expires) &&
		take_text(out, INPUT_NONCE, "nonce", &out->nonce) &&
		take_text(out, INPUT_ALG, "alg", &out->alg) &&
		take_text(out, INPUT_KEYID, "keyid", &out->keyid) &&
		take_text(out, INPUT_TAG, "tag", &out->tag);
}

/* The same bytes, or the same value, of the whole field. */
static bool is_whole(const struct sf_params *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!sluice_str_is(p->v[i].key, "sf") && !sluice_str_is(p->v[i].key, "bs"))
			return false;
	}
	return true;
}

bool input_covers(const struct sig_input *in, sluice_str component)
{
	for (size_t i = 0; i < in->covers.n; i++) {
		const struct sf_item *c = &in->covers.v[i];
		if (sluice_str_eq(c->value.text, component) && is_whole(&c->params))
			return true;
	}
	return false;
}
