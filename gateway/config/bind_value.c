/* Values of options. Main thread. */
#include "config/bind_value.h"

#include "config/table.h"
#include "config/value.h"

enum { DEFAULTS_MAX = 32 };

/* ---- messages ------------------------------------------------------------------------------ */

static const char *value_shown(struct quoted *q, const sluice_option *o, const struct node *n)
{
	if ((o->flags & SLUICE_F_SECRET) && n->kind == NODE_SCALAR && !node_is_null(n))
		return "this value";
	return quote_node(q, n);
}

static int value_mismatch(struct bind *b, const sluice_option *o, const struct node *n)
{
	char expected[OPTION_TEXT];
	struct quoted q;
	return diag_error_node(b->diag, n, "expected %s, not %s", option_expected(o, expected),
		value_shown(&q, o, n));
}

static int value_out_of_range(struct bind *b, const sluice_option *o, const struct node *n)
{
	char range[OPTION_TEXT];
	struct quoted q;
	return diag_error_node(b->diag, n, "must be %s, not %s", option_range(o, range),
		value_shown(&q, o, n));
}

/* Add a hint on how a value of this type is written. */
static void value_hint(struct bind *b, const sluice_option *o, const struct node *n,
	enum value_result r)
{
	bool secret = o->flags & SLUICE_F_SECRET;
	sluice_str s = n->raw || secret ? STR_NONE : n->text;
	switch (o->type) {
	case SLUICE_T_BOOL:
		if (str_ieq(s, STR("true")) || str_ieq(s, STR("yes")) || str_ieq(s, STR("on")) ||
			str_eq(s, STR("1")))
			diag_hint(b->diag, "write true");
		else if (str_ieq(s, STR("false")) || str_ieq(s, STR("no")) ||
			str_ieq(s, STR("off")) || str_eq(s, STR("0")))
			diag_hint(b->diag, "write false");
		break;
	case SLUICE_T_SIZE:
		diag_hint(b->diag,
			"units are KiB, MiB, GiB (powers of 1024) and KB, MB, GB (powers of 1000), "
			"without a blank");
		break;
	case SLUICE_T_DURATION:
		if (r == VALUE_NO_UNIT && s.len)
			diag_hint(b->diag, "a duration needs its unit: write %.*ss or %.*sms",
				STR_ARG(s), STR_ARG(s));
		else
			diag_hint(b->diag,
				"a whole number and one of the units ms, s, m, h, d, without a "
				"blank");
		break;
	case SLUICE_T_RATE:
		if (r == VALUE_NO_UNIT && s.len)
			diag_hint(b->diag, "a rate needs its period: write %.*s/s or %.*s/min",
				STR_ARG(s), STR_ARG(s));
		else
			diag_hint(b->diag,
				"a whole number, /, and s, min, h, d or a duration: 100/s, "
				"100/min, 10/30s");
		break;
	case SLUICE_T_PERCENT:
		if (r == VALUE_NO_UNIT && s.len)
			diag_hint(b->diag, "a share needs its sign: write %.*s%%", STR_ARG(s));
		else
			diag_hint(b->diag, "a number, with two decimals at most, and %%");
		break;
	default:
		break;
	}
}

/* The text of a scalar; a mistake for everything else. */
static int value_text(struct bind *b, const sluice_option *o, const struct node *n, sluice_str *out)
{
	if (n->broken)
		return -1;
	if (n->kind == NODE_SCALAR && !node_is_null(n)) {
		*out = n->text;
		return 0;
	}
	int rc = value_mismatch(b, o, n);
	if (node_is_null(n) && o->type == SLUICE_T_STR)
		diag_hint(b->diag, "write \"\" for an empty text, or leave the key out");
	else if (node_is_null(n))
		diag_hint(b->diag, "leave the key out to have the default");
	return rc;
}

/* ---- single values ------------------------------------------------------------------------- */

static int value_refused(struct bind *b, const sluice_option *o, const struct node *n,
	enum value_result r)
{
	struct quoted q;
	if (r == VALUE_TOO_LARGE)
		return diag_error_node(b->diag, n, "%s is more than can be counted",
			value_shown(&q, o, n));
	int rc = value_mismatch(b, o, n);
	value_hint(b, o, n, r);
	return rc;
}

static int bind_bool(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	sluice_str s;
	if (value_text(b, o, n, &s) < 0)
		return -1;
	enum value_result r = value_bool(s, at);
	return r == VALUE_OK ? 0 : value_refused(b, o, n, r);
}

/* A value of a type that has an order and may have bounds. */
union number {
	int64_t i;
	uint64_t u;
	sluice_rate rate;
};

static enum value_result number_parse(const sluice_option *o, sluice_str s, union number *out)
{
	switch (o->type) {
	case SLUICE_T_INT:
		return value_int(s, &out->i);
	case SLUICE_T_SIZE:
		return value_size(s, &out->u);
	case SLUICE_T_DURATION:
		return value_duration(s, &out->u);
	case SLUICE_T_RATE:
		return value_rate(s, &out->rate);
	case SLUICE_T_PERCENT:
		return value_percent(s, &out->u);
	default:
		return value_uint(s, &out->u);
	}
}

static bool number_is_less(const sluice_option *o, const union number *a, const union number *b)
{
	if (o->type == SLUICE_T_INT)
		return a->i < b->i;
	if (o->type == SLUICE_T_RATE)
		return value_rate_compare(&a->rate, &b->rate) < 0;
	return a->u < b->u;
}

static int bind_number(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	size_t size = o->type == SLUICE_T_RATE ? sizeof(sluice_rate) : sizeof(uint64_t);
	union number v = { 0 }, bound;
	sluice_str s;
	if (value_text(b, o, n, &s) < 0)
		return -1;
	enum value_result r = number_parse(o, s, &v);
	if (r != VALUE_OK)
		return value_refused(b, o, n, r);
	if ((o->min && number_parse(o, str_of(o->min), &bound) == VALUE_OK &&
		    number_is_less(o, &v, &bound)) ||
		(o->max && number_parse(o, str_of(o->max), &bound) == VALUE_OK &&
			number_is_less(o, &bound, &v)))
		return value_out_of_range(b, o, n);
	memcpy(at, &v, size);
	return 0;
}

/* The index of the choice; -1 when a mistake was reported. */
static int value_chosen(struct bind *b, const sluice_option *o, const struct node *n)
{
	sluice_str s;
	if (value_text(b, o, n, &s) < 0)
		return -1;
	int i = value_choice(o->choices, s);
	if (i >= 0)
		return i;
	const char *near = value_nearest(o->choices, s);
	(void)value_mismatch(b, o, n);
	if (near && !n->raw)
		diag_hint(b->diag, "did you mean %s?", near);
	return -1;
}

static int bind_enum(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	int32_t i = value_chosen(b, o, n);
	if (i < 0)
		return -1;
	memcpy(at, &i, sizeof(i));
	return 0;
}

/* ---- texts and secrets --------------------------------------------------------------------- */

/* Read the secret in the file of file:PATH. */
static int secret_read(struct bind *b, const struct node *n, sluice_str path, sluice_str *out)
{
	if (!path.len)
		return diag_error_node(b->diag, n, "file: must be followed by a path");
	const char *full = source_path(b->arena, b->config ? config_dir(b->config, n) : ".", path);
	int rc = file_read(b->arena, full, BIND_SECRET_MAX, out);
	if (rc < 0)
		return diag_error_node(b->diag, n, "cannot read the secret from %s: %s", full,
			file_error(rc));
	if (b->secret)
		b->secret(b->ctx, full, *out);
	if (str_ends(*out, STR("\n")))
		out->len -= str_ends(*out, STR("\r\n")) ? 2 : 1;
	if (out->len == 0)
		return diag_error_node(b->diag, n, "the secret in %s is empty", full);
	if (memchr(out->data, 0, out->len))
		return diag_error_node(b->diag, n, "the secret in %s contains a NUL byte", full);
	*out = arena_str(b->arena, *out); /* again NUL-terminated after it was cut */
	return 0;
}

static int value_str(struct bind *b, const sluice_option *o, const struct node *n, sluice_str *out)
{
	sluice_str s;
	if (value_text(b, o, n, &s) < 0)
		return -1;
	if ((o->flags & SLUICE_F_SECRET) && str_starts(s, STR("file:")))
		return secret_read(b, n, str_n(s.data + 5, s.len - 5), out);
	*out = arena_str(b->arena, s);
	return 0;
}

static bool count_is_in_range(const sluice_option *o, size_t n)
{
	uint64_t min = 0, max = UINT64_MAX;
	if (o->min && value_uint(str_of(o->min), &min) != VALUE_OK)
		min = 0;
	if (o->max && value_uint(str_of(o->max), &max) != VALUE_OK)
		max = UINT64_MAX;
	return n >= min && n <= max;
}

static int bind_str(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	sluice_str s;
	if (value_str(b, o, n, &s) < 0)
		return -1;
	if (!count_is_in_range(o, s.len))
		return s.len ? value_out_of_range(b, o, n)
			     : diag_error_node(b->diag, n, "must not be empty");
	memcpy(at, &s, sizeof(s));
	return 0;
}

static int bind_expr(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	sluice_str s;
	const sluice_expr *e = NULL;
	if (value_text(b, o, n, &s) < 0)
		return -1;
	check(b->expr, "no callback for the expression of %s", o->name);
	if (b->expr(b->ctx, n, &e) < 0)
		return -1;
	memcpy(at, &e, sizeof(e));
	return 0;
}

static int bind_store(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	sluice_str s;
	const sluice_store *store = NULL;
	if (value_text(b, o, n, &s) < 0)
		return -1;
	check(b->store, "no callback for the store of %s", o->name);
	if (b->store(b->ctx, n, &store) < 0)
		return -1;
	memcpy(at, &store, sizeof(store));
	return 0;
}

static int bind_upstream(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	sluice_str s;
	const sluice_upstream *upstream = NULL;
	if (value_text(b, o, n, &s) < 0)
		return -1;
	check(b->upstream, "no callback for the upstream of %s", o->name);
	if (b->upstream(b->ctx, n, &upstream) < 0)
		return -1;
	memcpy(at, &upstream, sizeof(upstream));
	return 0;
}

/* ---- collections of values ----------------------------------------------------------------- */

static int count_check(struct bind *b, const sluice_option *o, const struct node *n, size_t count)
{
	char range[OPTION_TEXT];
	if (count_is_in_range(o, count))
		return 0;
	return diag_error_node(b->diag, n, "must have %s, not %zu", option_range(o, range), count);
}

/* The members of a list of scalars; a scalar alone is a list of one. */
static int value_members(struct bind *b, const sluice_option *o, const struct node *const *n,
	const struct node *const **v, size_t *count)
{
	const struct node *list = *n;
	if (list->broken)
		return -1;
	if (list->kind == NODE_MAP || node_is_null(list)) {
		(void)value_mismatch(b, o, list);
		if (list->kind != NODE_MAP)
			diag_hint(b->diag,
				"write [] for none, or leave the key out to have the default");
		return -1;
	}
	*v = list->kind == NODE_LIST ? list->v : n;
	*count = list->kind == NODE_LIST ? list->n : 1;
	return count_check(b, o, list, *count);
}

static int bind_flags(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	const struct node *const *v;
	size_t count;
	uint64_t flags = 0;
	int rc = 0;
	if (value_members(b, o, &n, &v, &count) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		int bit = value_chosen(b, o, v[i]);
		if (bit < 0)
			rc = -1;
		else
			flags |= 1ull << bit;
	}
	memcpy(at, &flags, sizeof(flags));
	return rc;
}

static int bind_strs(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	const struct node *const *v;
	size_t count;
	int rc = 0;
	if (value_members(b, o, &n, &v, &count) < 0)
		return -1;
	sluice_str *out = arena_alloc(b->arena, count * sizeof(*out) + 1);
	sluice_strs list = { .v = out };
	for (size_t i = 0; i < count; i++) {
		if (value_str(b, o, v[i], &out[list.n]) < 0)
			rc = -1;
		else
			list.n++;
	}
	memcpy(at, &list, sizeof(list));
	return rc;
}

static int bind_exprs(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	const struct node *const *v;
	size_t count;
	int rc = 0;
	if (value_members(b, o, &n, &v, &count) < 0)
		return -1;
	const sluice_expr **out = arena_alloc(b->arena, count * sizeof(*out) + 1);
	sluice_exprs list = { .v = out };
	for (size_t i = 0; i < count; i++) {
		if (bind_expr(b, o, v[i], &out[list.n]) < 0)
			rc = -1;
		else
			list.n++;
	}
	memcpy(at, &list, sizeof(list));
	return rc;
}

/* The number of pairs of a map: one for each value, or for each member of a value that is a
 * list. */
static size_t pairs_count(const sluice_option *o, const struct node *n)
{
	size_t count = 0;
	for (size_t i = 0; i < n->n; i++)
		count += (o->flags & SLUICE_F_MULTI) && n->v[i]->kind == NODE_LIST ? n->v[i]->n : 1;
	return count;
}

/* The pairs of one name. */
static int bind_pair(struct bind *b, const sluice_option *o, const struct node *const *n,
	sluice_pairs *map, sluice_pair *out)
{
	const struct node *const *v = n;
	size_t count = 1;
	int rc = 0;
	if ((o->flags & SLUICE_F_MULTI) && (*n)->kind == NODE_LIST) {
		v = (*n)->v;
		count = (*n)->n;
		if (count == 0)
			return diag_error_node(b->diag, *n, "must have at least 1 member, not 0");
	}
	for (size_t i = 0; i < count; i++) {
		if (value_str(b, o, v[i], &out[map->n].value) < 0)
			rc = -1;
		else
			out[map->n++].name = arena_str(b->arena, (*n)->key);
	}
	return rc;
}

static int bind_pairs(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	int rc = 0;
	if (n->broken)
		return -1;
	if (n->kind != NODE_MAP) {
		(void)value_mismatch(b, o, n);
		if (node_is_null(n))
			diag_hint(b->diag,
				"write {} for none, or leave the key out to have the default");
		return -1;
	}
	if (count_check(b, o, n, n->n) < 0)
		return -1;
	sluice_pair *out = arena_alloc(b->arena, pairs_count(o, n) * sizeof(*out) + 1);
	sluice_pairs map = { .v = out };
	for (size_t i = 0; i < n->n; i++) {
		if (bind_pair(b, o, (const struct node *const *)&n->v[i], &map, out) < 0)
			rc = -1;
	}
	memcpy(at, &map, sizeof(map));
	return rc;
}

/* ---- blocks -------------------------------------------------------------------------------- */

static int bind_list(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	uint8_t kind = o->type == SLUICE_T_MAP ? NODE_MAP : NODE_LIST;
	sluice_blocks list = { 0 };
	int rc = 0;
	if (n->broken)
		return -1;
	if (n->kind != kind && !node_is_null(n))
		return value_mismatch(b, o, n);
	list.n = n->kind == kind ? n->n : 0;
	if (count_check(b, o, n, list.n) < 0)
		return -1;
	list.v = arena_zalloc(b->arena, list.n * o->sub_size + 1);
	for (size_t i = 0; i < list.n; i++) {
		if (bind_map(b, n->v[i], o->sub, (char *)list.v + i * o->sub_size) < 0)
			rc = -1;
	}
	memcpy(at, &list, sizeof(list));
	return rc;
}

static int bind_when(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	const sluice_condition *condition = NULL;
	if (n->broken)
		return -1;
	if (n->kind != NODE_MAP)
		return value_mismatch(b, o, n);
	if (n->n == 0)
		return diag_error_node(b->diag, n, "there is no condition here");
	struct match_conf *conf = arena_zalloc(b->arena, sizeof(*conf));
	check(b->when, "no callback for the condition of %s", o->name);
	if (bind_map(b, n, condition_options, conf) < 0 || b->when(b, conf, &condition) < 0)
		return -1;
	memcpy(at, &condition, sizeof(condition));
	return 0;
}

int bind_value(struct bind *b, const sluice_option *o, const struct node *n, void *at)
{
	switch (o->type) {
	case SLUICE_T_BOOL:
		return bind_bool(b, o, n, at);
	case SLUICE_T_STR:
		return bind_str(b, o, n, at);
	case SLUICE_T_INT:
	case SLUICE_T_UINT:
	case SLUICE_T_SIZE:
	case SLUICE_T_DURATION:
	case SLUICE_T_RATE:
	case SLUICE_T_PERCENT:
		return bind_number(b, o, n, at);
	case SLUICE_T_ENUM:
		return bind_enum(b, o, n, at);
	case SLUICE_T_FLAGS:
		return bind_flags(b, o, n, at);
	case SLUICE_T_STRS:
		return bind_strs(b, o, n, at);
	case SLUICE_T_PAIRS:
		return bind_pairs(b, o, n, at);
	case SLUICE_T_EXPR:
		return bind_expr(b, o, n, at);
	case SLUICE_T_EXPRS:
		return bind_exprs(b, o, n, at);
	case SLUICE_T_STORE:
		return bind_store(b, o, n, at);
	case SLUICE_T_UPSTREAM:
		return bind_upstream(b, o, n, at);
	case SLUICE_T_WHEN:
		return bind_when(b, o, n, at);
	case SLUICE_T_BLOCK:
		return bind_map(b, n, o->sub, at);
	case SLUICE_T_LIST:
	case SLUICE_T_MAP:
		return bind_list(b, o, n, at);
	case SLUICE_T_NODE:
		memcpy(at, &n, sizeof(n));
		return n->broken ? -1 : 0;
	default:
		check(false, "option %s has type %u", o->name, o->type);
		return -1;
	}
}

/* A node as the file would have it with the default written out. */
static struct node default_node(const sluice_option *o, const struct node *block, sluice_str text)
{
	struct mark at = node_key_mark(block);
	return (struct node){ .kind = NODE_SCALAR,
		.quoted = true,
		.line = at.line,
		.col = at.col,
		.key_line = at.line,
		.key_col = at.col,
		.file = at.file,
		.parent = block,
		.key = str_of(o->name),
		.text = text };
}

/* Bind a list's default, such as [a, b]. */
static int bind_default_list(struct bind *b, const sluice_option *o, const struct node *block,
	void *at)
{
	struct node items[DEFAULTS_MAX], list = default_node(o, block, STR(""));
	const struct node *v[DEFAULTS_MAX];
	sluice_str rest = str_of(o->def), item;

	list.kind = NODE_LIST;
	list.v = v;
	while (list.n < DEFAULTS_MAX && option_def_next(&rest, &item)) {
		items[list.n] = default_node(o, block, arena_str(b->arena, item));
		v[list.n] = &items[list.n];
		list.n++;
	}
	return bind_value(b, o, &list, at);
}

int bind_default(struct bind *b, const sluice_option *o, const struct node *block, void *at)
{
	if (o->type == SLUICE_T_FLAGS || o->type == SLUICE_T_STRS || o->type == SLUICE_T_EXPRS)
		return bind_default_list(b, o, block, at);
	struct node n = default_node(o, block, str_of(o->def));
	sluice_option plain = *o;
	/* a default is never secret and never names a file */
	plain.flags &= ~(uint32_t)SLUICE_F_SECRET;
	return bind_value(b, &plain, &n, at);
}
