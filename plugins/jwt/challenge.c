/* The challenges, written once when the configuration is checked. */
#include "challenge.h"

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

static void put_z(struct writer *w, const char *z)
{
	put(w, sluice_str_of(z));
}

/* RFC 9110 5.6.4 */
static void put_quoted(struct writer *w, sluice_str s)
{
	put_z(w, "\"");
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '"' || s.data[i] == '\\')
			put_z(w, "\\");
		put(w, (sluice_str){ s.data + i, 1 });
	}
	put_z(w, "\"");
}

static void put_challenge(struct writer *w, const struct jwt_conf *conf, sluice_str realm,
	const struct reason_info *why)
{
	put_z(w, "Bearer realm=");
	put_quoted(w, realm);
	if (conf->resource_metadata.len) { /* RFC 9728 5.1 */
		put_z(w, ", resource_metadata=");
		put_quoted(w, conf->resource_metadata);
	}
	if (!why->error)
		return;
	put_z(w, ", error=\"");
	put_z(w, why->error);
	put_z(w, "\", error_description=");
	put_quoted(w, sluice_str_of(why->sentence));
	if (why->status != 403)
		return;
	put_z(w, ", scope=\"");
	for (size_t i = 0; i < conf->scopes.n; i++) {
		put_z(w, i ? " " : "");
		put(w, conf->scopes.v[i]);
	}
	put_z(w, "\"");
}

static sluice_str write_challenge(sluice_instance *inst, const struct jwt_conf *conf,
	const struct reason_info *why)
{
	sluice_str realm = conf->realm.len ? conf->realm : sluice_instance_name(inst);
	struct writer w = { NULL, 0 };
	put_challenge(&w, conf, realm, why);
	w = (struct writer){ sluice_conf_alloc(inst, w.len + 1), 0 };
	put_challenge(&w, conf, realm, why);
	return (sluice_str){ w.out, w.len };
}

/* RFC 6749 3.3: the characters of a scope. */
static bool is_scope(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < 0x21 || s.data[i] > 0x7e || s.data[i] == '"' || s.data[i] == '\\')
			return false;
	}
	return s.len > 0;
}

static int check_printable(sluice_instance *inst, const char *option, sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < 0x20 || s.data[i] > 0x7e) {
			sluice_conf_error(inst, option, "may have printable ASCII characters only");
			return -1;
		}
	}
	return 0;
}

int challenge_check(sluice_instance *inst, struct jwt_conf *conf)
{
	int rc = check_printable(inst, "realm", conf->realm);
	if (check_printable(inst, "resource_metadata", conf->resource_metadata) < 0)
		rc = -1;
	for (size_t i = 0; i < conf->scopes.n; i++) {
		if (!is_scope(conf->scopes.v[i])) {
			sluice_conf_error(inst, "scopes",
				"\"%.*s\" is no scope: printable ASCII without blanks, quotes and "
				"backslashes",
				(int)conf->scopes.v[i].len, conf->scopes.v[i].data);
			rc = -1;
		}
	}
	if (rc < 0)
		return rc;
	for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++) {
		const struct reason_info *why = reason_info((enum reason)i);
		if (why->status == 401 || why->error)
			conf->challenges[i] = write_challenge(inst, conf, why);
	}
	return 0;
}
