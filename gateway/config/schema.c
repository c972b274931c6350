/* JSON Schema from option tables. A function writes the members of a schema object; its caller
 * opens and closes the object. Main thread. */
#include "config/schema.h"

#include <stdio.h>

#include "config/condition.h"
#include "config/table.h"
#include "config/value.h"

/* A value that is known only when the gateway starts. */
#define ENV_PATTERN "\\$\\{"

/* ---- writing ------------------------------------------------------------------------------- */

static void member_str(struct json_out *o, const char *name, const char *value)
{
	json_key(o, str_of(name));
	json_str(o, str_of(value));
}

static void member_open(struct json_out *o, const char *name, char bracket)
{
	json_key(o, str_of(name));
	json_open(o, bracket);
}

/* One type, or several in one text, separated by blanks. */
static void member_type(struct json_out *o, const char *names)
{
	sluice_str rest = str_of(names);
	if (!strchr(names, ' ')) {
		member_str(o, "type", names);
		return;
	}
	member_open(o, "type", '[');
	while (rest.len)
		json_str(o, str_cut(&rest, ' '));
	json_close(o, ']');
}

static void member_bound(struct json_out *o, const char *name, const char *bound, bool is_signed)
{
	int64_t i = 0;
	uint64_t u = 0;
	if (!bound ||
		(is_signed ? value_int(str_of(bound), &i) : value_uint(str_of(bound), &u)) !=
			VALUE_OK)
		return;
	json_key(o, str_of(name));
	if (is_signed)
		json_int(o, i);
	else
		json_uint(o, u);
}

static void member_bounds(struct json_out *o, const char *min, const char *max,
	const sluice_option *row)
{
	member_bound(o, min, row->min, false);
	member_bound(o, max, row->max, false);
}

/* ---- single values ------------------------------------------------------------------------- */

/* Whether YAML reads a choice, such as 1.2 or true, as another type unless it is quoted. Both forms
 * must be accepted. */
static bool choice_is_literal(sluice_str s)
{
	bool digit = false;
	if (str_eq(s, STR("true")) || str_eq(s, STR("false")))
		return true;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] >= '0' && s.data[i] <= '9')
			digit = true;
		else if (s.data[i] != '.' || i == 0 || i + 1 == s.len || memchr(s.data, '.', i))
			return false;
	}
	return digit && (s.data[0] != '0' || s.len == 1 || s.data[1] == '.');
}

static void choice(struct json_out *o, const sluice_option *row)
{
	member_open(o, "anyOf", '[');
	json_open(o, '{');
	member_open(o, "enum", '[');
	for (size_t i = 0; row->choices && row->choices[i]; i++) {
		sluice_str s = str_of(row->choices[i]);
		json_str(o, s);
		if (choice_is_literal(s)) {
			json_raw(o, STR(","));
			json_raw(o, s);
		}
	}
	json_close(o, ']');
	json_close(o, '}');
	json_open(o, '{');
	member_str(o, "$ref", "#/$defs/environment");
	json_close(o, '}');
	json_close(o, ']');
}

static void number(struct json_out *o, const sluice_option *row)
{
	bool is_signed = row->type == SLUICE_T_INT;
	member_type(o, "integer string"); /* string too: templates quote numbers */
	member_str(o, "pattern", is_signed ? "^-?[0-9]+$|" ENV_PATTERN : "^[0-9]+$|" ENV_PATTERN);
	member_bound(o, "minimum", row->min || is_signed ? row->min : "0", is_signed);
	member_bound(o, "maximum", row->max, is_signed);
}

static void text(struct json_out *o, const sluice_option *row)
{
	member_type(o, "string number boolean");
	/* the bounds hold for the text after ${NAME} and file: were replaced, so a schema can only
	 * check that it is not empty */
	if (row->type == SLUICE_T_STR && row->min && !str_eq(str_of(row->min), STR("0")))
		member_bound(o, "minLength", "1", false);
}

static void scalar(struct json_out *o, const sluice_option *row)
{
	switch (row->type) {
	case SLUICE_T_BOOL:
		member_type(o, "boolean string");
		member_str(o, "pattern", "^(true|false)$|" ENV_PATTERN);
		break;
	case SLUICE_T_INT:
	case SLUICE_T_UINT:
		number(o, row);
		break;
	case SLUICE_T_SIZE:
		member_type(o, "string integer");
		member_str(o, "pattern", "^[0-9]+(B|[KMGT]B|[KMGT]iB)?$|" ENV_PATTERN);
		member_bound(o, "minimum", "0", false);
		break;
	case SLUICE_T_DURATION:
		member_type(o, "string integer"); /* 0 needs no unit */
		member_str(o, "pattern", "^([0-9]+(ms|s|m|h|d)|0)$|" ENV_PATTERN);
		member_bound(o, "minimum", "0", false);
		member_bound(o, "maximum", "0", false);
		break;
	case SLUICE_T_RATE:
		member_type(o, "string");
		member_str(o, "pattern", "^[0-9]+/(s|min|h|d|[0-9]+(ms|s|m|h|d))$|" ENV_PATTERN);
		break;
	case SLUICE_T_PERCENT:
		member_type(o, "string");
		member_str(o, "pattern", "^[0-9]+([.][0-9]{1,2})?%$|" ENV_PATTERN);
		break;
	case SLUICE_T_ENUM:
	case SLUICE_T_FLAGS:
		choice(o, row);
		break;
	default:
		text(o, row);
	}
}

static void scalar_or_list(struct json_out *o, const sluice_option *row)
{
	member_open(o, "anyOf", '[');
	json_open(o, '{');
	scalar(o, row);
	json_close(o, '}');
	json_open(o, '{');
	member_type(o, "array");
	member_open(o, "items", '{');
	scalar(o, row);
	json_close(o, '}');
	member_bounds(o, "minItems", "maxItems", row);
	json_close(o, '}');
	json_close(o, ']');
}

/* A text, or a list of them that is not empty. */
static void text_or_list(struct json_out *o, const sluice_option *row)
{
	member_open(o, "anyOf", '[');
	json_open(o, '{');
	text(o, row);
	json_close(o, '}');
	json_open(o, '{');
	member_type(o, "array");
	member_open(o, "items", '{');
	text(o, row);
	json_close(o, '}');
	json_key(o, STR("minItems"));
	json_uint(o, 1);
	json_close(o, '}');
	json_close(o, ']');
}

/* ---- blocks -------------------------------------------------------------------------------- */

static void property(struct json_out *o, const struct schema *s, const sluice_option *row,
	unsigned depth);

static bool row_is_due(const sluice_option *row)
{
	return (row->flags & SLUICE_F_REQUIRED) && !(row->flags & SLUICE_F_KEY);
}

static void block(struct json_out *o, const struct schema *s, const sluice_option *table,
	unsigned depth)
{
	bool due = false;
	/* a table that contains itself: accept anything from here on */
	if (depth >= TABLE_DEPTH_MAX)
		return;
	/* a file that includes others, or is included, need not have all of it */
	bool is_part = depth == 0 && table_find(table, STR("include"));
	for (const sluice_option *row = table; row && row->name && !is_part; row++)
		due |= row_is_due(row);
	member_type(o, due ? "object" : "object null");
	member_open(o, "properties", '{');
	for (const sluice_option *row = table; row && row->name; row++)
		property(o, s, row, depth + 1);
	json_close(o, '}');
	if (due) {
		member_open(o, "required", '[');
		for (const sluice_option *row = table; row->name; row++) {
			if (row_is_due(row))
				json_str(o, str_of(row->name));
		}
		json_close(o, ']');
	}
	json_key(o, STR("additionalProperties"));
	json_bool(o, false);
}

/* A block, or the scalar that may replace it. */
static void block_or_scalar(struct json_out *o, const struct schema *s, const sluice_option *table,
	unsigned depth)
{
	const sluice_option *row = table_flagged(table, SLUICE_F_SCALAR);
	if (!row) {
		block(o, s, table, depth);
		return;
	}
	member_open(o, "anyOf", '[');
	json_open(o, '{');
	scalar(o, row);
	json_close(o, '}');
	json_open(o, '{');
	block(o, s, table, depth);
	json_close(o, '}');
	json_close(o, ']');
}

static void node(struct json_out *o, const struct schema *s, const sluice_option *row)
{
	static const char *const targets[] = {
		[SCHEMA_INSTANCE] = "#/$defs/instance",
		[SCHEMA_INSTANCE_MAP] = "#/$defs/instances_by_name",
		[SCHEMA_INSTANCE_LIST] = "#/$defs/instances_in_order",
	};
	enum schema_node kind = s->node ? s->node(row) : SCHEMA_ANY;
	if (kind != SCHEMA_ANY)
		member_str(o, "$ref", targets[kind]);
}

/* The schema of a row's value. */
static void value(struct json_out *o, const struct schema *s, const sluice_option *row,
	unsigned depth)
{
	switch (row->type) {
	case SLUICE_T_FLAGS:
	case SLUICE_T_STRS:
	case SLUICE_T_EXPRS:
		scalar_or_list(o, row);
		break;
	case SLUICE_T_PAIRS:
		member_type(o, "object");
		member_open(o, "additionalProperties", '{');
		if (row->flags & SLUICE_F_MULTI)
			text_or_list(o, row);
		else
			text(o, row);
		json_close(o, '}');
		member_bounds(o, "minProperties", "maxProperties", row);
		break;
	case SLUICE_T_BLOCK:
	case SLUICE_T_WHEN:
		block_or_scalar(o, s, option_sub(row), depth);
		break;
	case SLUICE_T_LIST:
		member_type(o, row->min ? "array" : "array null");
		member_open(o, "items", '{');
		block_or_scalar(o, s, row->sub, depth);
		json_close(o, '}');
		member_bounds(o, "minItems", "maxItems", row);
		break;
	case SLUICE_T_MAP:
		member_type(o, row->min ? "object" : "object null");
		member_open(o, "additionalProperties", '{');
		block_or_scalar(o, s, row->sub, depth);
		json_close(o, '}');
		member_bounds(o, "minProperties", "maxProperties", row);
		break;
	case SLUICE_T_NODE:
		node(o, s, row);
		break;
	default:
		scalar(o, row);
	}
}

static void member_default(struct json_out *o, const sluice_option *row)
{
	sluice_str rest = str_of(row->def), item;
	int64_t i = 0;
	uint64_t u = 0;
	if (!row->def)
		return;
	json_key(o, STR("default"));
	switch (row->type) {
	case SLUICE_T_BOOL:
		json_bool(o, str_eq(rest, STR("true")));
		break;
	case SLUICE_T_FLAGS:
	case SLUICE_T_STRS:
	case SLUICE_T_EXPRS:
		json_open(o, '[');
		while (option_def_next(&rest, &item))
			json_str(o, item);
		json_close(o, ']');
		break;
	default:
		if (row->type == SLUICE_T_INT && value_int(rest, &i) == VALUE_OK)
			json_int(o, i);
		else if (row->type == SLUICE_T_UINT && value_uint(rest, &u) == VALUE_OK)
			json_uint(o, u);
		else
			json_str(o, rest);
	}
}

static void property(struct json_out *o, const struct schema *s, const sluice_option *row,
	unsigned depth)
{
	char range[OPTION_TEXT];
	bool late = row->flags & (SLUICE_F_NEW | SLUICE_F_RESTART);
	if (row->flags & SLUICE_F_KEY)
		return;
	(void)option_range(row, range);
	member_open(o, row->name, '{');
	json_key(o, STR("description"));
	json_strf(o, "%s%s%s%s%s", row->doc ? row->doc : "", *range ? "; " : "", range,
		late ? "; on reload, a change is in force " : "", late ? option_reload(row) : "");
	member_default(o, row);
	if (row->flags & SLUICE_F_SECRET) {
		json_key(o, STR("writeOnly"));
		json_bool(o, true);
	}
	value(o, s, row, depth);
	json_close(o, '}');
}

/* ---- instances of plugins ------------------------------------------------------------------ */

static bool row_is_use(const sluice_option *row)
{
	return strcmp(row->name, "use") == 0;
}

/* An instance of one plugin: `use` has its name; the other options are those of the core and of the
 * plugin. */
static void instance_of(struct json_out *o, const struct schema *s, const struct schema_plugin *p)
{
	const sluice_option *common = p->is_bare ? NULL : s->instance;
	if (p->summary)
		member_str(o, "description", p->summary);
	member_type(o, "object");
	member_open(o, "properties", '{');
	member_open(o, "use", '{');
	member_str(o, "const", p->name);
	json_close(o, '}');
	for (const sluice_option *row = common; row && row->name; row++) {
		if (!row_is_use(row))
			property(o, s, row, 1);
	}
	for (const sluice_option *row = p->options; row && row->name; row++) {
		if (!row_is_use(row) && !table_find(common, str_of(row->name)))
			property(o, s, row, 1);
	}
	json_close(o, '}');
	member_open(o, "required", '[');
	json_str(o, STR("use"));
	for (const sluice_option *row = common; row && row->name; row++) {
		if (row_is_due(row) && !row_is_use(row))
			json_str(o, str_of(row->name));
	}
	for (const sluice_option *row = p->options; row && row->name; row++) {
		if (row_is_due(row) && !row_is_use(row) && !table_find(common, str_of(row->name)))
			json_str(o, str_of(row->name));
	}
	json_close(o, ']');
	json_key(o, STR("additionalProperties"));
	json_bool(o, false);
}

/* Names of instances and chains, and instances written in place. */
static void list_of_instances(struct json_out *o, const char *type)
{
	member_type(o, type);
	member_open(o, "items", '{');
	member_open(o, "anyOf", '[');
	json_open(o, '{');
	member_type(o, "string");
	json_close(o, '}');
	json_open(o, '{');
	member_str(o, "$ref", "#/$defs/instance");
	json_close(o, '}');
	json_close(o, ']');
	json_close(o, '}');
}

static void definitions(struct json_out *o, const struct schema *s)
{
	member_open(o, "environment", '{');
	member_type(o, "string");
	member_str(o, "pattern", ENV_PATTERN);
	json_close(o, '}');

	member_open(o, "instance", '{');
	member_open(o, "anyOf", '[');
	for (size_t i = 0; i < s->n_plugins; i++) {
		json_open(o, '{');
		instance_of(o, s, &s->plugins[i]);
		json_close(o, '}');
	}
	if (s->n_plugins == 0)
		json_bool(o, false); /* anyOf must not be empty */
	json_close(o, ']');
	json_close(o, '}');

	member_open(o, "instances_by_name", '{');
	member_type(o, "object null");
	member_open(o, "additionalProperties", '{');
	member_open(o, "anyOf", '[');
	json_open(o, '{');
	member_str(o, "$ref", "#/$defs/instance");
	json_close(o, '}');
	json_open(o, '{');
	list_of_instances(o, "array");
	json_close(o, '}');
	json_close(o, ']');
	json_close(o, '}');
	json_close(o, '}');

	member_open(o, "instances_in_order", '{');
	list_of_instances(o, "array null");
	json_close(o, '}');
}

void schema_write(struct json_out *o, const struct schema *s)
{
	json_open(o, '{');
	member_str(o, "$schema", "https://json-schema.org/draft/2020-12/schema");
	if (s->id)
		member_str(o, "$id", s->id);
	member_str(o, "title", s->title);
	block(o, s, s->root, 0);
	member_open(o, "$defs", '{');
	definitions(o, s);
	json_close(o, '}');
	json_close(o, '}');
	if (o->pretty)
		json_raw(o, STR("\n"));
}
