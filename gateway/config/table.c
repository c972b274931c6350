/* Option tables as data. Any thread. */
#include "config/table.h"

#include <stdio.h>

#include "config/value.h"

/* ---- rows ---------------------------------------------------------------------------------- */

size_t table_rows(const sluice_option *table)
{
	size_t n = 0;
	while (table && table[n].name)
		n++;
	return n;
}

const sluice_option *table_find(const sluice_option *table, sluice_str name)
{
	for (const sluice_option *o = table; o && o->name; o++) {
		if (!(o->flags & SLUICE_F_KEY) && str_eq(str_of(o->name), name))
			return o;
	}
	return NULL;
}

const sluice_option *table_flagged(const sluice_option *table, uint32_t flag)
{
	for (const sluice_option *o = table; o && o->name; o++) {
		if (o->flags & flag)
			return o;
	}
	return NULL;
}

/* ---- words --------------------------------------------------------------------------------- */

/* For each type: its name, its name in a sentence, an example. */
static const struct type_text {
	const char *name, *article, *example;
	size_t size; /* of the field; 0: of the sub-table's struct */
} type_texts[] = {
	[SLUICE_T_BOOL] = { "boolean", "true or false", "true", sizeof(bool) },
	[SLUICE_T_STR] = { "text", "a text", "text", sizeof(sluice_str) },
	[SLUICE_T_INT] = { "number", "a whole number", "10", sizeof(int64_t) },
	[SLUICE_T_UINT] = { "number", "a whole number", "10", sizeof(uint64_t) },
	[SLUICE_T_SIZE] = { "size", "a size", "64KiB", sizeof(uint64_t) },
	[SLUICE_T_DURATION] = { "duration", "a duration", "30s", sizeof(uint64_t) },
	[SLUICE_T_RATE] = { "rate", "a rate", "100/min", sizeof(sluice_rate) },
	[SLUICE_T_ENUM] = { "one of", "one of", "", sizeof(int32_t) },
	[SLUICE_T_FLAGS] = { "list of", "a list of", "", sizeof(uint64_t) },
	[SLUICE_T_STRS] = { "list of texts", "a text or a list of texts", "[a, b]",
		sizeof(sluice_strs) },
	[SLUICE_T_PAIRS] = { "map of texts", "a block of texts", "{ name: text }",
		sizeof(sluice_pairs) },
	[SLUICE_T_EXPR] = { "expression", "an expression", "header:x-tenant",
		sizeof(const sluice_expr *) },
	[SLUICE_T_EXPRS] = { "list of expressions", "an expression or a list of them",
		"[route, ip]", sizeof(sluice_exprs) },
	[SLUICE_T_STORE] = { "store", "the name of a store", "shared",
		sizeof(const sluice_store *) },
	[SLUICE_T_BLOCK] = { "block", "a block", "", 0 },
	[SLUICE_T_LIST] = { "list of blocks", "a list of blocks", "", sizeof(sluice_blocks) },
	[SLUICE_T_MAP] = { "map of blocks", "a map of blocks", "", sizeof(sluice_blocks) },
	[SLUICE_T_NODE] = { "value", "a value", "...", sizeof(void *) },
	[SLUICE_T_UPSTREAM] = { "upstream", "the name of an upstream", "orders",
		sizeof(const sluice_upstream *) },
	[SLUICE_T_WHEN] = { "conditions", "a block of conditions", "{ path: /admin/* }",
		sizeof(const sluice_condition *) },
	[SLUICE_T_PERCENT] = { "percentage", "a percentage", "50%", sizeof(uint64_t) },
};

/* A value that a folder above makes of one text, and that has no size. */
static bool type_is_reference(uint32_t type)
{
	return type == SLUICE_T_EXPR || type == SLUICE_T_STORE || type == SLUICE_T_UPSTREAM;
}

/* It has an order, and its bounds are values. */
static bool type_is_number(uint32_t type)
{
	return (type >= SLUICE_T_INT && type <= SLUICE_T_RATE) || type == SLUICE_T_PERCENT;
}

static bool type_is_known(uint32_t type)
{
	return type > 0 && type < sizeof(type_texts) / sizeof(type_texts[0]);
}

const char *option_type(const sluice_option *o)
{
	return type_is_known(o->type) ? type_texts[o->type].name : "unknown";
}

/* Append to the OPTION_TEXT bytes at buf. What does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void text_add(char *buf, size_t *at, const char *fmt,
	...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(buf + *at, OPTION_TEXT - *at, fmt, ap);
	va_end(ap);
	*at = n < 0 || (size_t)n >= OPTION_TEXT - *at ? OPTION_TEXT - 1 : *at + (size_t)n;
}

static void choices_add(char *buf, size_t *at, const sluice_option *o)
{
	for (size_t i = 0; o->choices && o->choices[i]; i++) {
		const char *before = i == 0 ? "" : o->choices[i + 1] ? ", " : " or ";
		text_add(buf, at, "%s%s", before, o->choices[i]);
	}
}

static void example_add(char *buf, size_t *at, const sluice_option *o, unsigned depth);

/* The example of a block: its required rows, or else its first row. */
static void block_example_add(char *buf, size_t *at, const sluice_option *table, unsigned depth)
{
	enum { SHOWN = 3 };
	const sluice_option *scalar = table_flagged(table, SLUICE_F_SCALAR), *first = NULL;
	unsigned n = 0;
	if (scalar) {
		example_add(buf, at, scalar, depth + 1);
		return;
	}
	text_add(buf, at, "{ ");
	for (const sluice_option *o = table; o && o->name && n < SHOWN; o++) {
		if (!first && !(o->flags & SLUICE_F_KEY))
			first = o;
		if (!(o->flags & SLUICE_F_REQUIRED) || (o->flags & SLUICE_F_KEY))
			continue;
		text_add(buf, at, "%s%s: ", n++ ? ", " : "", o->name);
		example_add(buf, at, o, depth + 1);
	}
	if (n == 0 && first) {
		text_add(buf, at, "%s: ", first->name);
		example_add(buf, at, first, depth + 1);
	}
	text_add(buf, at, " }");
}

/* A placeholder for a text: the option's name in capitals. */
static void placeholder_add(char *buf, size_t *at, const char *name)
{
	for (; *name; name++)
		text_add(buf, at, "%c", *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
}

static void example_add(char *buf, size_t *at, const sluice_option *o, unsigned depth)
{
	if (!type_is_known(o->type) || depth > 3)
		text_add(buf, at, "...");
	else if (o->def && *o->def)
		text_add(buf, at, "%s", o->def);
	else if (o->choices && o->choices[0])
		text_add(buf, at, o->type == SLUICE_T_FLAGS ? "[%s]" : "%s", o->choices[0]);
	else if (o->flags & SLUICE_F_SECRET)
		text_add(buf, at, "file:%s.secret", o->name);
	else if (o->type == SLUICE_T_BLOCK) {
		block_example_add(buf, at, o->sub, depth);
	} else if (o->type == SLUICE_T_LIST || o->type == SLUICE_T_MAP) {
		text_add(buf, at, o->type == SLUICE_T_MAP ? "{ name: " : "[");
		block_example_add(buf, at, o->sub, depth);
		text_add(buf, at, o->type == SLUICE_T_MAP ? " }" : "]");
	} else if (o->type == SLUICE_T_STR) {
		placeholder_add(buf, at, o->name);
	} else if (type_is_number(o->type) && (o->min || o->max)) {
		/* a bound is itself a permitted value */
		text_add(buf, at, "%s", o->min ? o->min : o->max);
	} else {
		text_add(buf, at, "%s", type_texts[o->type].example);
	}
}

bool option_has_example(const sluice_option *o)
{
	bool is_text = o->type == SLUICE_T_STR || o->type == SLUICE_T_STRS ||
		o->type == SLUICE_T_PAIRS;
	return !is_text || (o->def && *o->def) || (o->flags & SLUICE_F_SECRET);
}

const char *option_example(const sluice_option *o, char *buf)
{
	size_t at = 0;
	buf[0] = 0;
	example_add(buf, &at, o, 0);
	return buf;
}

const char *option_expected(const sluice_option *o, char *buf)
{
	size_t at = 0;
	buf[0] = 0;
	if (o->type == SLUICE_T_ENUM || o->type == SLUICE_T_FLAGS) {
		text_add(buf, &at, o->choices && o->choices[0] && o->choices[1] ? "one of " : "");
		choices_add(buf, &at, o);
		text_add(buf, &at, o->type == SLUICE_T_FLAGS ? ", or a list of them" : "");
		return buf;
	}
	text_add(buf, &at, "%s", type_is_known(o->type) ? type_texts[o->type].article : "a value");
	if (o->type == SLUICE_T_BOOL || o->type == SLUICE_T_NODE ||
		(o->type == SLUICE_T_STR && !(o->def && *o->def)))
		return buf;
	text_add(buf, &at, " such as ");
	example_add(buf, &at, o, 0);
	return buf;
}

const char *option_range(const sluice_option *o, char *buf)
{
	size_t at = 0;
	const char *last = o->max ? o->max : o->min ? o->min : "";
	bool one = strcmp(last, "1") == 0;
	const char *of = "";
	if (o->type == SLUICE_T_STR)
		of = one ? " byte long" : " bytes long";
	else if (o->type > SLUICE_T_ENUM && !type_is_reference(o->type))
		of = one ? " member" : " members";
	buf[0] = 0;
	if (o->min && o->max && strcmp(o->min, o->max) == 0)
		text_add(buf, &at, "exactly %s%s", o->min, of);
	else if (o->min && o->max)
		text_add(buf, &at, "between %s and %s%s", o->min, o->max, of);
	else if (o->min || o->max)
		text_add(buf, &at, "at %s %s%s", o->min ? "least" : "most",
			o->min ? o->min : o->max, of);
	return buf;
}

const char *option_reload(const sluice_option *o)
{
	if (o->flags & SLUICE_F_RESTART)
		return "after a restart";
	return o->flags & SLUICE_F_NEW ? "for new connections" : "at once";
}

bool option_def_next(sluice_str *rest, sluice_str *item)
{
	if (str_starts(*rest, STR("[")) && str_ends(*rest, STR("]")))
		*rest = str_trim(str_n(rest->data + 1, rest->len - 2));
	if (rest->len == 0)
		return false;
	*item = str_trim(str_cut(rest, ','));
	return true;
}

/* ---- is a table sound? --------------------------------------------------------------------- */

struct verdict {
	char *why;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int unsound(const struct verdict *v, const char *fmt,
	...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(v->why, v->size, fmt, ap);
	va_end(ap);
	return -1;
}

static bool name_is_sound(const char *name)
{
	for (const char *p = name; *p; p++) {
		if (!((*p >= 'a' && *p <= 'z') ||
			    (p > name && ((*p >= '0' && *p <= '9') || *p == '_'))))
			return false;
	}
	return *name != 0;
}

/* Convert a bound to a number, so that one function compares bounds of all types. */
static bool bound_read(const sluice_option *o, const char *text, sluice_rate *out)
{
	int64_t i = 0;
	*out = (sluice_rate){ .period_ms = 1 };
	switch (o->type) {
	case SLUICE_T_RATE:
		return value_rate(str_of(text), out) == VALUE_OK;
	case SLUICE_T_INT:
		if (value_int(str_of(text), &i) != VALUE_OK)
			return false;
		/* shifted to unsigned, which keeps the order */
		out->count = (uint64_t)i + (1ull << 63);
		return true;
	case SLUICE_T_DURATION:
		return value_duration(str_of(text), &out->count) == VALUE_OK;
	case SLUICE_T_SIZE:
		return value_size(str_of(text), &out->count) == VALUE_OK;
	case SLUICE_T_PERCENT:
		return value_percent(str_of(text), &out->count) == VALUE_OK;
	default:
		return value_uint(str_of(text), &out->count) == VALUE_OK;
	}
}

/* The number of the default that the bounds apply to: its value, length or count. */
static bool default_read(const sluice_option *o, sluice_rate *out)
{
	sluice_str rest = str_of(o->def), item;
	bool b;
	*out = (sluice_rate){ .period_ms = 1 };
	switch (o->type) {
	case SLUICE_T_BOOL:
		return value_bool(rest, &b) == VALUE_OK;
	case SLUICE_T_ENUM:
		return value_choice(o->choices, rest) >= 0;
	case SLUICE_T_STR:
		out->count = rest.len;
		return true;
	case SLUICE_T_FLAGS:
	case SLUICE_T_STRS:
	case SLUICE_T_EXPRS:
		while (option_def_next(&rest, &item)) {
			out->count++;
			if (o->type == SLUICE_T_FLAGS && value_choice(o->choices, item) < 0)
				return false;
		}
		return true;
	case SLUICE_T_EXPR:
	case SLUICE_T_STORE:
	case SLUICE_T_UPSTREAM:
		return *o->def != 0;
	case SLUICE_T_BLOCK:
	case SLUICE_T_LIST:
	case SLUICE_T_MAP:
	case SLUICE_T_PAIRS:
	case SLUICE_T_NODE:
	case SLUICE_T_WHEN:
		return false;
	default:
		return bound_read(o, o->def, out);
	}
}

static bool type_has_bounds(uint32_t type)
{
	return type != SLUICE_T_BOOL && type != SLUICE_T_ENUM && !type_is_reference(type) &&
		type != SLUICE_T_BLOCK && type != SLUICE_T_NODE && type != SLUICE_T_WHEN;
}

static int bounds_check(const struct verdict *v, const sluice_option *o)
{
	sluice_rate min, max, def;
	if ((o->min || o->max) && !type_has_bounds(o->type))
		return unsound(v, "option %s: a %s has no bounds", o->name, option_type(o));
	if (o->min && !bound_read(o, o->min, &min))
		return unsound(v, "option %s: min %s cannot be read", o->name, o->min);
	if (o->max && !bound_read(o, o->max, &max))
		return unsound(v, "option %s: max %s cannot be read", o->name, o->max);
	if (o->min && o->max && value_rate_compare(&min, &max) > 0)
		return unsound(v, "option %s: min %s is more than max %s", o->name, o->min, o->max);
	if (!o->def)
		return 0;
	if (!default_read(o, &def))
		return unsound(v, "option %s: the default %s cannot be read", o->name, o->def);
	if ((o->min && value_rate_compare(&def, &min) < 0) ||
		(o->max && value_rate_compare(&def, &max) > 0))
		return unsound(v, "option %s: the default %s is out of bounds", o->name, o->def);
	return 0;
}

static int row_check(const struct verdict *v, const sluice_option *table, const sluice_option *o,
	size_t size, bool core)
{
	size_t choices = 0;
	if (!name_is_sound(o->name))
		return unsound(v,
			"option %.64s: names are lower case letters, digits and underscores",
			o->name);
	if (!type_is_known(o->type) || (o->type == SLUICE_T_NODE && !core))
		return unsound(v, "option %s: unknown type %u", o->name, o->type);
	if (!o->doc || !*o->doc)
		return unsound(v, "option %s: it has no sentence of documentation", o->name);
	if (o->offset > size || type_texts[o->type].size > size - o->offset)
		return unsound(v, "option %s: its field lies outside the struct of %zu bytes",
			o->name, size);
	for (const sluice_option *p = table; p < o; p++) {
		if (strcmp(p->name, o->name) == 0)
			return unsound(v, "option %s: declared twice", o->name);
		if ((p->flags & o->flags) & (SLUICE_F_SCALAR | SLUICE_F_KEY))
			return unsound(v, "option %s: %s has the same flag", o->name, p->name);
	}
	while (o->choices && o->choices[choices])
		choices++;
	if ((o->type == SLUICE_T_ENUM || o->type == SLUICE_T_FLAGS) &&
		(choices == 0 || choices > 64))
		return unsound(v, "option %s: %zu choices", o->name, choices);
	if ((o->type == SLUICE_T_BLOCK || o->type == SLUICE_T_LIST || o->type == SLUICE_T_MAP) &&
		!o->sub)
		return unsound(v, "option %s: no table for its block", o->name);
	if ((o->type == SLUICE_T_LIST || o->type == SLUICE_T_MAP) && !o->sub_size)
		return unsound(v, "option %s: the size of its struct is not given", o->name);
	if (o->type == SLUICE_T_MAP && !table_flagged(o->sub, SLUICE_F_KEY))
		return unsound(v, "option %s: no row of its table takes the key", o->name);
	if ((o->flags & SLUICE_F_KEY) && o->type != SLUICE_T_STR)
		return unsound(v, "option %s: a key must be a text", o->name);
	if ((o->flags & SLUICE_F_SCALAR) &&
		(o->type >= SLUICE_T_BLOCK || o->type == SLUICE_T_PAIRS))
		return unsound(v, "option %s: a scalar cannot be a %s", o->name, option_type(o));
	if ((o->flags & SLUICE_F_MULTI) && o->type != SLUICE_T_PAIRS)
		return unsound(v, "option %s: no lists of values in a %s", o->name, option_type(o));
	if ((o->flags & SLUICE_F_REQUIRED) && o->def)
		return unsound(v, "option %s: it is required, so it cannot have a default",
			o->name);
	return bounds_check(v, o);
}

static int table_walk(const struct verdict *v, const sluice_option *table, size_t size, bool core,
	unsigned depth)
{
	size_t rows = table_rows(table);
	if (rows > TABLE_ROWS_MAX)
		return unsound(v, "more than %d options", TABLE_ROWS_MAX);
	for (const sluice_option *o = table; o && o->name; o++) {
		if (row_check(v, table, o, size, core) < 0)
			return -1;
		if (!o->sub || depth == TABLE_DEPTH_MAX) /* a table may contain itself, in a list */
			continue;
		size_t inner = o->type == SLUICE_T_BLOCK ? size - o->offset : o->sub_size;
		if (table_walk(v, o->sub, inner, core, depth + 1) < 0)
			return -1;
		/* bind_option() finds an option by address and name. When a sub-struct has the
		 * address of its parent, no name may be in both. */
		for (const sluice_option *p = o->sub;
			o->type == SLUICE_T_BLOCK && o->offset == 0 && p->name; p++) {
			if (table_find(table, str_of(p->name)))
				return unsound(v,
					"option %s: its struct comes first and has a field %s too",
					o->name, p->name);
		}
	}
	return 0;
}

int table_check(const sluice_option *table, size_t size, bool core, char *why, size_t why_size)
{
	struct verdict v = { .why = why, .size = why_size };
	return table_walk(&v, table, size, core, 0);
}
