/* Challenges. See challenge.h. */
#include "challenge.h"

#include <sluice/str.h>

struct writer {
	char *out; /* NULL: only count */
	size_t len;
};

static void put(struct writer *w, sluice_str s)
{
	if (w->out)
		(void)sluice_str_put(w->out + w->len, s);
	w->len += s.len;
}

/* RFC 9110 5.6.4 */
static void put_quoted(struct writer *w, sluice_str s)
{
	put(w, SLUICE_STR("\""));
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '"' || s.data[i] == '\\')
			put(w, SLUICE_STR("\\"));
		put(w, sluice_str_n(s.data + i, 1));
	}
	put(w, SLUICE_STR("\""));
}

static void put_param(struct writer *w, const char *before, const char *name, sluice_str value)
{
	put(w, sluice_str_of(before));
	put(w, sluice_str_of(name));
	put(w, SLUICE_STR("="));
	put_quoted(w, value);
}

static void put_challenge(struct writer *w, sluice_str scheme, sluice_str realm,
	const struct challenge_param *v, size_t n)
{
	put(w, scheme);
	put_param(w, " ", "realm", realm);
	for (size_t i = 0; i < n; i++) {
		if (v[i].value.len)
			put_param(w, ", ", v[i].name, v[i].value);
	}
}

sluice_str challenge_make(sluice_instance *inst, sluice_str scheme, sluice_str realm,
	const struct challenge_param *v, size_t n)
{
	struct writer w = { NULL, 0 };
	if (!realm.len)
		realm = sluice_instance_name(inst);
	put_challenge(&w, scheme, realm, v, n);
	w = (struct writer){ sluice_conf_alloc(inst, w.len + 1), 0 };
	put_challenge(&w, scheme, realm, v, n);
	return sluice_str_n(w.out, w.len);
}

bool challenge_printable(sluice_instance *inst, const char *option, sluice_str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < 0x20 || value.data[i] > 0x7e) {
			sluice_conf_error(inst, option, "may have printable ASCII characters only");
			return false;
		}
	}
	return true;
}
