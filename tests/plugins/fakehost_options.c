/* The fake host's reader of options: enough of the configuration's notation to bind every type of
 * row but lists of blocks. */
#include <stdio.h>
#include <stdlib.h>

#include "fakehost_internal.h"

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit sizes[] = { { "KiB", 1u << 10 }, { "MiB", 1u << 20 }, { "GiB", 1u << 30 },
	{ "KB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 }, { "", 1 }, { NULL, 0 } };
static const struct unit durations[] = { { "ms", 1 }, { "s", 1000 }, { "min", 60000 },
	{ "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 } };

static sluice_str trimmed(sluice_str s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '"' || s.data[0] == '\''))
		s.data++, s.len--;
	while (s.len &&
		(s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '"' || s.data[s.len - 1] == '\''))
		s.len--;
	return s;
}

static bool is(sluice_str s, const char *z)
{
	return strlen(z) == s.len && memcmp(s.data, z, s.len) == 0;
}

static uint64_t measure(const sluice_option *o, sluice_str text, const struct unit *units)
{
	char buf[64], *end;
	snprintf(buf, sizeof buf, "%.*s", (int)text.len, text.data);
	unsigned long long n = strtoull(buf, &end, 10);
	if (n == 0 && end != buf && *end == '\0')
		return 0;
	for (; end != buf && units->suffix; units++) {
		if (strcmp(end, units->suffix) == 0)
			return n * units->factor;
	}
	fake_die("%s: cannot read \"%s\"", o->name, buf);
}

static sluice_rate rate(const sluice_option *o, sluice_str text)
{
	char buf[64], *slash;
	snprintf(buf, sizeof buf, "%.*s", (int)text.len, text.data);
	slash = strchr(buf, '/');
	if (!slash)
		fake_die("%s: cannot read rate \"%s\"", o->name, buf);
	*slash++ = '\0';
	bool bare = *slash < '0' || *slash > '9';
	char period[64];
	snprintf(period, sizeof period, "%s%s", bare ? "1" : "", slash);
	return (sluice_rate){ strtoull(buf, NULL, 10),
		measure(o, (sluice_str){ period, strlen(period) }, durations) };
}

/* The next item of `[a, b]`, `{k: v}` or a bare scalar, without its brackets. */
static bool next_item(sluice_str *rest, sluice_str *item)
{
	int depth = 0;
	size_t i = 0;
	if (!trimmed(*rest).len)
		return false;
	for (; i < rest->len && (depth || rest->data[i] != ','); i++)
		depth += (rest->data[i] == '[' || rest->data[i] == '{') -
			(rest->data[i] == ']' || rest->data[i] == '}');
	*item = trimmed((sluice_str){ rest->data, i });
	rest->data += i + (i < rest->len);
	rest->len -= i + (i < rest->len);
	return true;
}

static sluice_str inside(sluice_str s)
{
	s = trimmed(s);
	if (s.len >= 2 &&
		((s.data[0] == '[' && s.data[s.len - 1] == ']') ||
			(s.data[0] == '{' && s.data[s.len - 1] == '}')))
		return (sluice_str){ s.data + 1, s.len - 2 };
	return s;
}

static sluice_strs list(sluice_instance *inst, sluice_str text)
{
	sluice_str *v = fake_pool_alloc(&inst->pool, (text.len + 1) * sizeof *v),
		   rest = inside(text), item;
	size_t n = 0;
	while (next_item(&rest, &item))
		v[n++] = (sluice_str){ fake_pool_dup(&inst->pool, item.data, item.len), item.len };
	return (sluice_strs){ v, n };
}

static sluice_pairs pairs(sluice_instance *inst, const sluice_option *o, sluice_str text)
{
	sluice_strs items = list(inst, text);
	sluice_pair *v = fake_pool_alloc(&inst->pool, (text.len + 1) * sizeof *v);
	size_t n = 0;
	for (size_t i = 0; i < items.n; i++) {
		const char *s = items.v[i].data, *colon = strstr(s, ": ");
		if (!colon)
			fake_die("%s: \"%s\" is no `name: value`", o->name, s);
		sluice_str name = trimmed((sluice_str){ s, (size_t)(colon - s) });
		sluice_str value = trimmed((sluice_str){ colon + 2, strlen(colon + 2) });
		sluice_strs values = { &value, 1 };
		if ((o->flags & SLUICE_F_MULTI) && value.len && value.data[0] == '[')
			values = list(inst, value);
		for (size_t j = 0; j < values.n; j++)
			v[n++] = (sluice_pair){ name, values.v[j] };
	}
	return (sluice_pairs){ v, n };
}

static int32_t choice(const sluice_option *o, sluice_str text)
{
	for (int32_t i = 0; o->choices[i]; i++) {
		if (is(text, o->choices[i]))
			return i;
	}
	fake_die("%s: \"%.*s\" is not a choice", o->name, (int)text.len, text.data);
}

static uint64_t flags(sluice_instance *inst, const sluice_option *o, sluice_str text)
{
	sluice_strs items = list(inst, text);
	uint64_t bits = 0;
	for (size_t i = 0; i < items.n; i++)
		bits |= UINT64_C(1) << choice(o, items.v[i]);
	return bits;
}

const sluice_expr *fake_expr(sluice_instance *inst, sluice_str text)
{
	sluice_expr *e = fake_pool_alloc(&inst->pool, sizeof *e);
	e->text = fake_pool_dup(&inst->pool, text.data, text.len);
	return e;
}

static sluice_exprs exprs(sluice_instance *inst, sluice_str text)
{
	sluice_strs items = list(inst, text);
	const sluice_expr **v = fake_pool_alloc(&inst->pool, items.n * sizeof *v);
	for (size_t i = 0; i < items.n; i++)
		v[i] = fake_expr(inst, items.v[i]);
	return (sluice_exprs){ v, items.n };
}

static uint64_t number(const sluice_option *o, const char *text)
{
	const struct unit *units = o->type == SLUICE_T_DURATION ? durations : sizes;
	return measure(o, (sluice_str){ text, strlen(text) }, units);
}

static uint64_t bounded(const sluice_option *o, sluice_str text)
{
	uint64_t v = measure(o, text, o->type == SLUICE_T_DURATION ? durations : sizes);
	if ((o->min && v < number(o, o->min)) || (o->max && v > number(o, o->max)))
		fake_die("%s: \"%.*s\" is out of bounds", o->name, (int)text.len, text.data);
	return v;
}

static void bind_row(sluice_instance *inst, const sluice_option *o, void *at, const char *z)
{
	sluice_str text = trimmed((sluice_str){ z, strlen(z) });
	switch (o->type) {
	case SLUICE_T_BOOL:
		if (!is(text, "true") && !is(text, "false"))
			fake_die("%s: \"%s\" is no boolean", o->name, z);
		*(bool *)at = is(text, "true");
		return;
	case SLUICE_T_STR:
		*(sluice_str *)at =
			(sluice_str){ fake_pool_dup(&inst->pool, text.data, text.len), text.len };
		return;
	case SLUICE_T_INT:
		*(int64_t *)at = strtoll(z, NULL, 10);
		return;
	case SLUICE_T_UINT:
	case SLUICE_T_SIZE:
	case SLUICE_T_DURATION:
		*(uint64_t *)at = bounded(o, text);
		return;
	case SLUICE_T_RATE:
		*(sluice_rate *)at = rate(o, text);
		return;
	case SLUICE_T_ENUM:
		*(int32_t *)at = choice(o, text);
		return;
	case SLUICE_T_FLAGS:
		*(uint64_t *)at = flags(inst, o, text);
		return;
	case SLUICE_T_STRS:
		*(sluice_strs *)at = list(inst, text);
		return;
	case SLUICE_T_PAIRS:
		*(sluice_pairs *)at = pairs(inst, o, text);
		return;
	case SLUICE_T_EXPR:
		*(const sluice_expr **)at = fake_expr(inst, text);
		return;
	case SLUICE_T_EXPRS:
		*(sluice_exprs *)at = exprs(inst, text);
		return;
	case SLUICE_T_STORE:
		*(const sluice_store **)at = fake_store_find(text.data, text.len);
		if (!*(const sluice_store **)at)
			fake_die("%s: no store \"%s\"", o->name, z);
		return;
	default:
		fake_die("%s: type %u is not supported", o->name, o->type);
	}
}

void fake_bind_defaults(sluice_instance *inst, const sluice_option *rows, void *conf)
{
	for (const sluice_option *o = rows; o && o->name; o++) {
		void *at = (char *)conf + o->offset;
		if (!o->doc || !o->doc[0])
			fake_die("option %s says nothing", o->name);
		if (o->type == SLUICE_T_BLOCK && (o->flags & SLUICE_F_SUBOBJECT))
			fake_bind_defaults(inst, o->sub, at);
		else if (o->def)
			bind_row(inst, o, at, o->def);
		else if (o->type == SLUICE_T_STR)
			*(sluice_str *)at = SLUICE_STR("");
	}
}

void fake_bind(sluice_instance *inst, const char *name, const char *text)
{
	const sluice_option *rows = inst->plugin->options;
	char *at = inst->conf;
	for (;;) {
		size_t n = strcspn(name, ".");
		const sluice_option *o = rows;
		while (o && o->name && !(strlen(o->name) == n && memcmp(o->name, name, n) == 0))
			o++;
		if (!o || !o->name)
			fake_die("%s has no option %s", inst->plugin->name, name);
		at += o->offset;
		if (!name[n]) {
			bind_row(inst, o, at, text);
			return;
		}
		if (o->type != SLUICE_T_BLOCK)
			fake_die("option %s is no block", o->name);
		rows = o->sub;
		name += n + 1;
	}
}
