/* The fake host's facts: readings of expressions, texts with placeholders, networks. */
#include "fakehost_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- expressions --------------------------------------------------------------------------- */

/* Of a header field given several times the values are joined; other facts come once. */
sluice_reading fake_host_expr_read(sluice_exchange *x, const sluice_expr *e, sluice_str *out)
{
	size_t n = 0, iter = 0, room = 0;
	sluice_pair f;
	char *text = NULL;
	*out = sluice_expr_value(x, e);
	if (strncmp(e->text, "header:", 7) != 0 || !out->data)
		return out->data ? SLUICE_READ_ONE : SLUICE_READ_NONE;
	while (sluice_field_next(x, SLUICE_REQUEST, &iter, &f))
		room += f.value.len + 2;
	text = fake_pool_alloc(&x->host_pool, room);
	size_t len = 0;
	for (iter = 0; sluice_field_next(x, SLUICE_REQUEST, &iter, &f);) {
		if (f.name.len != strlen(e->text + 7) ||
			strncasecmp(f.name.data, e->text + 7, f.name.len) != 0)
			continue;
		len += (size_t)sprintf(text + len, "%s%.*s", n ? ", " : "", (int)f.value.len,
			f.value.data);
		n++;
	}
	*out = (sluice_str){ text, len };
	return n > 1 ? SLUICE_READ_MANY : SLUICE_READ_ONE;
}

sluice_str fake_host_expr_text(const sluice_expr *e)
{
	return (sluice_str){ e->text, strlen(e->text) };
}

/* ---- placeholders -------------------------------------------------------------------------- */

struct sluice_template {
	size_t n;
	struct {
		sluice_str text;
		const sluice_expr *expr; /* NULL: text */
	} v[32];
};

static const sluice_template *wrong(sluice_instance *inst, const char *option, const char *why,
	sluice_str what)
{
	sluice_conf_error(inst, option, "%s%.*s", why, (int)what.len, what.data);
	return NULL;
}

static const sluice_template *read_all(sluice_instance *inst, const char *option, sluice_str text,
	struct sluice_template *t)
{
	static const sluice_str none = { "", 0 };
	const char *p = text.data, *end = p + text.len, *why;
	while (p < end && t->n < 32) {
		const char *close = p;
		if (p + 1 < end && p[0] == p[1] && (*p == '{' || *p == '}')) {
			t->v[t->n++].text = (sluice_str){ p, 1 };
			p += 2;
		} else if (*p == '}') {
			return wrong(inst, option, "has a } that nothing opened", none);
		} else if (*p != '{') {
			while (close < end && *close != '{' && *close != '}')
				close++;
			t->v[t->n++].text = (sluice_str){ p, (size_t)(close - p) };
			p = close;
		} else {
			close = memchr(p, '}', (size_t)(end - p));
			if (!close)
				return wrong(inst, option, "has a { that nothing closes", none);
			sluice_str name = { p + 1, (size_t)(close - p - 1) };
			t->v[t->n].expr = sluice_expr_compile(inst, name, &why);
			if (!t->v[t->n++].expr)
				return wrong(inst, option,
					"has a placeholder that is no expression: ", name);
			p = close + 1;
		}
	}
	return t;
}

const sluice_template *fake_host_template_compile(sluice_instance *inst, const char *option,
	int side, sluice_str field, sluice_str text)
{
	struct sluice_template *t = fake_pool_alloc(&inst->pool, sizeof *t);
	(void)side, (void)field;
	memset(t, 0, sizeof *t);
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.data[i] < ' ')
			return wrong(inst, option, "has a value with control bytes",
				(sluice_str){ "", 0 });
	}
	return read_all(inst, option, text, t);
}

bool fake_host_template_fixed(const sluice_template *t, sluice_str *text)
{
	*text = t->n ? t->v[0].text : (sluice_str){ "", 0 };
	return t->n == 0 || (t->n == 1 && !t->v[0].expr);
}

sluice_template_result fake_host_template_write(sluice_exchange *x, const sluice_template *t,
	sluice_str *out)
{
	size_t room = 1;
	sluice_str v[32];
	for (size_t i = 0; i < t->n; i++) {
		v[i] = t->v[i].expr ? sluice_expr_value(x, t->v[i].expr) : t->v[i].text;
		if (!v[i].data)
			return SLUICE_TEMPLATE_MISSING;
		room += v[i].len;
	}
	char *text = sluice_alloc(x, room), *at = text;
	if (!text)
		return SLUICE_TEMPLATE_FAIL;
	for (size_t i = 0; i < t->n; i++) {
		memcpy(at, v[i].data, v[i].len);
		at += v[i].len;
	}
	*out = (sluice_str){ text, (size_t)(at - text) };
	for (const char *p = text; p < at; p++) {
		if ((unsigned char)*p < ' ')
			return SLUICE_TEMPLATE_MISSING;
	}
	return SLUICE_TEMPLATE_OK;
}

/* ---- addresses ----------------------------------------------------------------------------- */

size_t fake_host_ip_network(sluice_str ip, unsigned v4_prefix, unsigned v6_prefix, char *buf)
{
	unsigned char bytes[16];
	char text[64];
	int family = memchr(ip.data, ':', ip.len) ? AF_INET6 : AF_INET;
	unsigned prefix = family == AF_INET ? v4_prefix : v6_prefix,
		 size = family == AF_INET ? 4 : 16;
	(void)snprintf(text, sizeof text, "%.*s", (int)ip.len, ip.data);
	if (prefix == 8 * size || inet_pton(family, text, bytes) != 1)
		return 0;
	for (unsigned bit = prefix; bit < 8 * size; bit++)
		bytes[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
	(void)inet_ntop(family, bytes, text, sizeof text);
	return (size_t)snprintf(buf, SLUICE_IP_NETWORK, "%.48s/%u", text, prefix);
}

/* ---- tables -------------------------------------------------------------------------------- */

/* What fills a fake store is the test's business: all limits share it. */
const sluice_store *fake_host_store_table(sluice_instance *inst, const sluice_store *s,
	sluice_str name)
{
	(void)inst;
	if (name.len == 0)
		fake_die("a table without a name");
	return s;
}
