/*
 * Reading X-Forwarded-For and Forwarded. Lists are parsed from the end, so that nothing from the
 * client, such as an open quote, can hide what proxies appended.
 */
#include "http/forwarded.h"

/* ---- lists --------------------------------------------------------------------------------- */

/* Whether the quote at p[i] is escaped by backslashes before it. */
static bool is_escaped(const char *p, size_t i)
{
	size_t n = 0;
	while (n < i && p[i - n - 1] == '\\')
		n++;
	return n & 1;
}

/* Cut the last member off a list. with_quotes: commas within quoted strings do not separate. */
static sluice_str list_take_last(sluice_str *list, bool with_quotes)
{
	bool quoted = false;
	size_t i = list->len;
	while (i > 0 && (quoted || list->data[i - 1] != ',')) {
		i--;
		if (with_quotes && list->data[i] == '"' && !is_escaped(list->data, i))
			quoted = !quoted;
	}
	sluice_str last = str_n(list->data + i, list->len - i);
	*list = i ? str_n(list->data, i - 1) : STR_NONE;
	return str_trim(last);
}

/* The members of all fields of one name, from the last to the first; empty ones are none (RFC
 * 9110 5.6.1). */
struct walk {
	const struct fields *fields;
	enum token name;
	uint32_t before; /* fields before this one are still to be read */
	sluice_str rest; /* of this one */
};

static bool walk_back(struct walk *w, sluice_str *member)
{
	for (;;) {
		while (w->rest.len) {
			*member = list_take_last(&w->rest, w->name == TOKEN_FORWARDED);
			if (member->len)
				return true;
		}
		do {
			if (w->before == 0)
				return false;
			w->before--;
		} while (w->fields->v[w->before].token != w->name ||
			(w->fields->v[w->before].flags & FIELD_DROP));
		w->rest = field_value(&w->fields->v[w->before]);
	}
}

static struct walk walk_from_end(const struct fields *f, enum token name)
{
	return (struct walk){ .fields = f, .name = name, .before = f->n, .rest = STR_NONE };
}

/* ---- one member ---------------------------------------------------------------------------- */

/* 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80 */
static bool node_parse(sluice_str text, struct addr *out)
{
	const char *colon = text.len ? memchr(text.data, ':', text.len) : NULL;
	size_t behind = colon ? text.len - (size_t)(colon - text.data) - 1 : 0;
	sluice_str host;
	uint16_t port;
	if (text.len && text.data[0] == '[') {
		if (text.data[text.len - 1] == ']')
			return memchr(text.data, ':', text.len) &&
				addr_from_ip(str_n(text.data + 1, text.len - 2), 0, out);
		return addr_split(text, 0, &host, &port) && addr_from_ip(host, port, out);
	}
	if (colon && !memchr(colon + 1, ':', behind)) /* one colon: a port */
		return addr_split(text, 0, &host, &port) && addr_from_ip(host, port, out);
	return addr_from_ip(text, 0, out);
}

/* A value with or without quotes, since addresses are often written without. Escapes are not
 * supported: no address needs them. */
static bool pair_value(sluice_str text, sluice_str *out)
{
	bool quoted = text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"';
	sluice_str value = quoted ? str_n(text.data + 1, text.len - 2) : text;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];
		if (c == '"' || c == '\\' || c == ' ' || c == '\t')
			return false;
	}
	if (value.len == 0)
		return false;
	*out = value;
	return true;
}

static sluice_str scheme_of(sluice_str text)
{
	return str_ieq(text, STR("https"))   ? STR("https")
		: str_ieq(text, STR("http")) ? STR("http")
					     : STR_NONE;
}

/* Up to the next ';' that is not quoted. */
static sluice_str element_pair(sluice_str *rest)
{
	bool quoted = false;
	size_t i = 0;
	for (; i < rest->len && (quoted || rest->data[i] != ';'); i++) {
		if (rest->data[i] == '"' && !is_escaped(rest->data, i))
			quoted = !quoted;
	}
	sluice_str pair = str_trim(str_n(rest->data, i));
	*rest = i < rest->len ? str_n(rest->data + i + 1, rest->len - i - 1) : STR_NONE;
	return pair;
}

/* for=192.0.2.1;proto=https;host=example.com (RFC 7239 4). False when it does not tell the
 * address. */
static bool element_parse(sluice_str element, struct forwarded *out)
{
	bool told = false;
	*out = (struct forwarded){ .scheme = STR_NONE };
	while (element.len) {
		sluice_str value = element_pair(&element), name = str_cut(&value, '=');
		if (name.len == 0 && !value.data)
			continue; /* RFC 7239 4: pairs may be empty */
		if (!value.data || !str_is_token(name) || !pair_value(value, &value))
			return false;
		if (str_ieq(name, STR("for"))) {
			if (told || !node_parse(value, &out->client))
				return false;
			told = true;
		} else if (str_ieq(name, STR("proto"))) {
			out->scheme = scheme_of(value);
		} else if (str_ieq(name, STR("host"))) {
			out->host = value;
		}
	}
	return told;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static bool member_parse(sluice_str member, enum client_ip_from from, struct forwarded *out)
{
	if (from == CLIENT_IP_FORWARDED)
		return element_parse(member, out);
	*out = (struct forwarded){ .scheme = STR_NONE };
	return node_parse(member, &out->client);
}

void forwarded_read(const struct fields *f, const struct client_trust *trust, struct forwarded *out)
{
	bool standard = trust->from == CLIENT_IP_FORWARDED;
	struct walk w = walk_from_end(f, standard ? TOKEN_FORWARDED : TOKEN_X_FORWARDED_FOR);
	struct forwarded next;
	sluice_str member;

	*out = (struct forwarded){ .scheme = STR_NONE };
	while (walk_back(&w, &member) && member_parse(member, trust->from, &next)) {
		*out = next;
		if (!cidr_set_has(trust->proxies, &next.client))
			break;
	}
	if (standard)
		return;
	w = walk_from_end(f, TOKEN_X_FORWARDED_PROTO);
	if (walk_back(&w, &member))
		out->scheme = scheme_of(member);
}
