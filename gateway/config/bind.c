/* Binds blocks to structs, and keeps where each option was given. Main thread. */
#include "config/bind.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config/bind_value.h"
#include "config/table.h"
#include "config/value.h"

/* What the file gave for a row of the table. */
struct bind_row {
	const struct node *node; /* NULL: omitted */
	bool refused;            /* a mistake in it was reported */
};

/* A struct that was bound. */
struct bind_block {
	const void *dst;
	const sluice_option *table;
	const struct node *node;
	/* another with the same address: an inner block that is the first member of its struct */
	struct bind_block *next;
	bool absent; /* the block was omitted: node is the block around it */
	struct bind_row rows[];
};

void bind_init(struct bind *b, struct arena *a, struct diag *d, const struct config *c)
{
	*b = (struct bind){ .arena = a, .diag = d, .config = c };
	arena_init(&b->records, 0);
}

void bind_fini(struct bind *b)
{
	arena_fini(&b->records);
	free(b->blocks);
	*b = (struct bind){ .n_blocks = 0 };
}

/* ---- what was bound where ------------------------------------------------------------------ */

static size_t slot_of(const struct bind *b, const void *dst)
{
	uint64_t h = (uint64_t)(uintptr_t)dst * 0x9e3779b97f4a7c15ull;
	size_t i = (size_t)(h >> 20) & (b->n_slots - 1);
	while (b->blocks[i] && b->blocks[i]->dst != dst)
		i = (i + 1) & (b->n_slots - 1);
	return i;
}

static void blocks_grow(struct bind *b)
{
	struct bind_block **old = b->blocks;
	size_t n_old = b->n_slots;
	b->n_slots = n_old ? 2 * n_old : 64;
	b->blocks = mem_array(struct bind_block *, b->n_slots);
	for (size_t i = 0; i < n_old; i++) {
		if (old[i])
			b->blocks[slot_of(b, old[i]->dst)] = old[i];
	}
	free(old);
}

static struct bind_block *block_find(const struct bind *b, const void *dst)
{
	return b->n_slots ? b->blocks[slot_of(b, dst)] : NULL;
}

static struct bind_block *block_add(struct bind *b, const struct node *n,
	const sluice_option *table, const void *dst)
{
	size_t rows = table_rows(table);
	struct bind_block *k = arena_zalloc(&b->records, sizeof(*k) + rows * sizeof(k->rows[0]));
	*k = (struct bind_block){ .dst = dst, .table = table, .node = n };
	if (2 * b->n_blocks >= b->n_slots)
		blocks_grow(b);
	struct bind_block **at = &b->blocks[slot_of(b, dst)];
	b->n_blocks += *at == NULL;
	while (*at) /* append: the outer block comes first */
		at = &(*at)->next;
	*at = k;
	return k;
}

/* The row of that name in any of the tables bound to dst. */
static const struct bind_row *row_find(const struct bind *b, const void *dst, const char *option,
	const struct bind_block **block)
{
	for (const struct bind_block *k = block_find(b, dst); k; k = k->next) {
		for (size_t i = 0; k->table && k->table[i].name; i++) {
			if (strcmp(k->table[i].name, option) == 0) {
				*block = k;
				return &k->rows[i];
			}
		}
	}
	return NULL;
}

const struct node *bind_node(const struct bind *b, const void *dst)
{
	const struct bind_block *k = block_find(b, dst);
	return k ? k->node : NULL;
}

const struct node *bind_option(const struct bind *b, const void *dst, const char *option)
{
	const struct bind_block *k;
	const struct bind_row *r = row_find(b, dst, option, &k);
	return r ? r->node : NULL;
}

bool bind_given(const struct bind *b, const void *dst, const char *option)
{
	return bind_option(b, dst, option) != NULL;
}

/* The index-th value of a list or map. */
static const struct node *node_member(const struct node *n, size_t index)
{
	for (uint32_t i = 0; n->kind != NODE_SCALAR && i < n->n; i++) {
		const struct node *v = n->v[i];
		size_t count = n->kind == NODE_MAP && v->kind == NODE_LIST ? v->n : 1;
		if (index < count)
			return v->kind == NODE_LIST && n->kind == NODE_MAP ? v->v[index] : v;
		index -= count;
	}
	return n;
}

const struct node *bind_member(const struct bind *b, const void *dst, const char *option,
	size_t index)
{
	const struct node *n = bind_option(b, dst, option);
	return n ? node_member(n, index) : NULL;
}

/* Whether the value of the option was refused: what is bound is the default, and not what the file
 * says, so that there is nothing to say about it. */
static bool bind_is_refused(struct bind *b, const void *dst, const char *option)
{
	const struct bind_block *k;
	const struct bind_row *r = row_find(b, dst, option, &k);
	if (r && r->refused)
		b->diag->last = NULL;
	return r && r->refused;
}

int bind_error_in(struct bind *b, const void *dst, const char *option, size_t index,
	const char *fmt, ...)
{
	const struct node *at = bind_member(b, dst, option, index);
	va_list ap;
	va_start(ap, fmt);
	if (!at) {
		bind_report(b, false, dst, option, fmt, ap);
	} else if (!bind_is_refused(b, dst, option)) {
		struct mark m = node_mark(at);
		diag_add(b->diag, false, &m, fmt, ap);
	}
	va_end(ap);
	return -1;
}

void bind_report(struct bind *b, bool warning, const void *dst, const char *option, const char *fmt,
	va_list ap)
{
	const struct bind_block *k = block_find(b, dst);
	const struct bind_row *r = option ? row_find(b, dst, option, &k) : NULL;
	struct mark at = { .file = b->config ? b->config->file : NULL };

	/* the bound value is the default, not what the file says: no message about it */
	if (r && r->refused) {
		b->diag->last = NULL;
		return;
	}
	if (r && r->node)
		at = node_mark(r->node);
	else if (k)
		at = node_key_mark(k->node);
	diag_add(b->diag, warning, &at, fmt, ap);
}

int bind_error(struct bind *b, const void *dst, const char *option, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	bind_report(b, false, dst, option, fmt, ap);
	va_end(ap);
	return -1;
}

void bind_warn(struct bind *b, const void *dst, const char *option, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	bind_report(b, true, dst, option, fmt, ap);
	va_end(ap);
}

/* ---- unknown keys -------------------------------------------------------------------------- */

/* The block of the table that has this option; for an option that was written one level too
 * high. */
static const char *block_with(const sluice_option *table, sluice_str name)
{
	for (size_t i = 0; table && table[i].name; i++) {
		if (table[i].type == SLUICE_T_BLOCK && table_find(table[i].sub, name))
			return table[i].name;
	}
	return NULL;
}

static void unknown_list(struct bind *b, struct bind_block *const *k, size_t n)
{
	char text[512];
	size_t at = 0;
	for (size_t t = 0; t < n; t++) {
		for (const sluice_option *o = k[t]->table; o && o->name; o++) {
			if (o->flags & SLUICE_F_KEY)
				continue;
			int len = snprintf(text + at, sizeof(text) - at, "%s%s", at ? ", " : "",
				o->name);
			if (len < 0 || (size_t)len >= sizeof(text) - at) {
				diag_hint(b->diag, "known keys are %.*s, ...", (int)at, text);
				return;
			}
			at += (size_t)len;
		}
	}
	if (at)
		diag_hint(b->diag, "known keys are %.*s", (int)at, text);
	else
		diag_hint(b->diag, "there are no options here");
}

/* The known key that is most like this one. */
static const char *unknown_near(struct bind_block *const *k, size_t n_blocks, sluice_str key,
	unsigned *best)
{
	const char *near = NULL;
	unsigned distance;
	*best = ~0u;
	for (size_t t = 0; t < n_blocks; t++) {
		for (const sluice_option *o = k[t]->table; o && o->name; o++) {
			if (!(o->flags & SLUICE_F_KEY) &&
				value_is_near(str_of(o->name), key, &distance) &&
				distance < *best) {
				*best = distance;
				near = o->name;
			}
		}
	}
	return near;
}

static void unknown_key(struct bind *b, const struct node *n, struct bind_block *const *k,
	size_t n_blocks)
{
	struct quoted q;
	struct mark at = node_key_mark(n);
	unsigned distance;
	const char *near = unknown_near(k, n_blocks, n->key, &distance), *inner = NULL;

	at.node = n->parent; /* show the path of the block; the sentence names the key */
	(void)diag_error(b->diag, &at, "unknown key %s", quote_str(&q, n->key));
	for (size_t t = 0; t < n_blocks && !inner; t++)
		inner = block_with(k[t]->table, n->key);
	/* a typing error of one letter is likelier than a wrong block */
	if (near && (!inner || distance <= 1))
		diag_hint(b->diag, "did you mean %s?", near);
	else if (inner)
		diag_hint(b->diag, "it belongs inside the block %s", inner);
	else
		unknown_list(b, k, n_blocks);
}

/* ---- blocks -------------------------------------------------------------------------------- */

/* The row for the key, from the first table that has one. */
static struct bind_row *row_for(struct bind_block *const *k, size_t n, sluice_str key)
{
	for (size_t t = 0; t < n; t++) {
		const sluice_option *o = table_find(k[t]->table, key);
		if (o)
			return &k[t]->rows[o - k[t]->table];
	}
	return NULL;
}

/* Assign the members of a map to their rows. */
static int rows_match(struct bind *b, const struct node *n, struct bind_block *const *k,
	size_t n_blocks)
{
	int rc = 0;
	for (size_t i = 0; i < n->n; i++) {
		struct bind_row *r = row_for(k, n_blocks, n->v[i]->key);
		if (r) {
			r->node = n->v[i];
		} else {
			unknown_key(b, n->v[i], k, n_blocks);
			rc = -1;
		}
	}
	return rc;
}

/* The same for a scalar in place of the block. */
static int rows_match_scalar(struct bind *b, const struct node *n, struct bind_block *const *k,
	size_t n_blocks)
{
	struct quoted q;
	char expected[OPTION_TEXT];
	for (size_t t = 0; t < n_blocks && n->kind == NODE_SCALAR; t++) {
		const sluice_option *o = table_flagged(k[t]->table, SLUICE_F_SCALAR);
		if (o) {
			k[t]->rows[o - k[t]->table].node = n;
			return 0;
		}
	}
	sluice_option block = { .name = "", .type = SLUICE_T_BLOCK, .sub = k[0]->table };
	return diag_error_node(b->diag, n, "expected %s, not %s", option_expected(&block, expected),
		quote_node(&q, n));
}

/* Register the structs of a block that was omitted, so that later checks can report mistakes in
 * them. */
static void rows_absent(struct bind *b, const struct node *n, const sluice_option *table, char *dst)
{
	struct bind_block *k = block_add(b, n, table, dst);
	k->absent = true;
	for (; table && table->name; table++) {
		if (table->type == SLUICE_T_BLOCK)
			rows_absent(b, n, table->sub, dst + table->offset);
	}
}

static int row_missing(struct bind *b, const struct bind_block *k, const sluice_option *o)
{
	char example[OPTION_TEXT];
	struct mark at = node_key_mark(k->node);
	(void)diag_error(b->diag, &at, "%s is required: %s", o->name, o->doc);
	if (option_has_example(o))
		diag_hint(b->diag, "for example %s: %s", o->name, option_example(o, example));
	return -1;
}

/* Bind a block that was omitted to its defaults. */
static int bind_subobject(struct bind *b, const struct bind_block *k, const sluice_option *o,
	void *at)
{
	struct mark m = node_key_mark(k->node);
	struct node *n = arena_new(&b->records, struct node);
	*n = (struct node){ .kind = NODE_MAP,
		.line = m.line,
		.col = m.col,
		.key_line = m.line,
		.key_col = m.col,
		.file = m.file,
		.parent = k->node,
		.key = str_of(o->name) };
	return bind_map(b, n, o->sub, at);
}

/* An option that was omitted. quiet: do not report required options, since the block as a whole was
 * refused. */
static int bind_left_out(struct bind *b, const struct bind_block *k, const sluice_option *o,
	char *dst, bool quiet)
{
	char *at = dst + o->offset;
	int rc = (o->flags & SLUICE_F_REQUIRED) && !quiet ? row_missing(b, k, o) : 0;
	if (o->type == SLUICE_T_BLOCK && (o->flags & SLUICE_F_SUBOBJECT) && rc == 0 && !quiet)
		return bind_subobject(b, k, o, at);
	if (o->type == SLUICE_T_BLOCK)
		rows_absent(b, k->node, o->sub, at);
	else if (o->def && bind_default(b, o, k->node, at) < 0)
		rc = -1;
	return rc;
}

/* Bind the key of a map's member to the SLUICE_F_KEY row. */
static int bind_key(struct bind *b, const struct node *n, const sluice_option *o, void *at)
{
	if (!n->key.data)
		return 0;
	struct mark m = node_key_mark(n);
	struct node key = { .kind = NODE_SCALAR,
		.quoted = true,
		.line = m.line,
		.col = m.col,
		.file = m.file,
		.parent = n->parent,
		.key = n->key,
		.text = n->key };
	return bind_value(b, o, &key, at);
}

/* A value was refused and reported. Bind its default, so that further checks can go on. */
static void row_refused(struct bind *b, struct bind_block *k, size_t i)
{
	const sluice_option *o = &k->table[i];
	/* for a block, its own rows are marked */
	k->rows[i].refused = o->type != SLUICE_T_BLOCK;
	if (!o->def)
		return;
	int rc = bind_default(b, o, k->node, (char *)(uintptr_t)k->dst + o->offset);
	check(rc == 0 || o->type == SLUICE_T_EXPR || o->type == SLUICE_T_EXPRS ||
			o->type == SLUICE_T_STORE || o->type == SLUICE_T_UPSTREAM,
		"the default of %s is refused", o->name);
}

static int bind_rows(struct bind *b, struct bind_block *k, bool quiet)
{
	char *dst = (char *)(uintptr_t)k->dst;
	int rc = 0;
	for (size_t i = 0; k->table && k->table[i].name; i++) {
		const sluice_option *o = &k->table[i];
		struct bind_row *r = &k->rows[i];
		if (o->flags & SLUICE_F_KEY) {
			if (bind_key(b, k->node, o, dst + o->offset) < 0)
				rc = -1;
		} else if (!r->node) {
			if (bind_left_out(b, k, o, dst, quiet) < 0)
				rc = -1;
		} else if (bind_value(b, o, r->node, dst + o->offset) < 0) {
			row_refused(b, k, i);
			rc = -1;
		}
	}
	return rc;
}

int bind_map_multi(struct bind *b, const struct node *map, const sluice_option *const *tables,
	void *const *dsts, size_t n)
{
	struct bind_block *k[BIND_TABLES_MAX];
	int rc = 0;

	check(n > 0 && n <= BIND_TABLES_MAX, "%zu tables for one block", n);
	for (size_t t = 0; t < n; t++)
		k[t] = block_add(b, map, tables[t], dsts[t]);
	if (map->broken)
		rc = -1;
	else if (map->kind == NODE_MAP)
		rc = rows_match(b, map, k, n);
	else if (!node_is_null(map))
		rc = rows_match_scalar(b, map, k, n);
	bool quiet = rc < 0 && map->kind != NODE_MAP;
	for (size_t t = 0; t < n; t++) {
		if (bind_rows(b, k[t], quiet) < 0)
			rc = -1;
	}
	return rc;
}

int bind_map(struct bind *b, const struct node *map, const sluice_option *table, void *dst)
{
	return bind_map_multi(b, map, &table, &dst, 1);
}
