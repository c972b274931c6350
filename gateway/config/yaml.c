/* Builds a tree from the events of libyaml. Main thread. */
#include "config/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/utf8.h"

/* A collection that is still open. */
struct level {
	struct node *node;
	size_t first; /* index of its first member in loader.members */
	/* not part of the tree: a key that is not a text, or the value of a refused key */
	bool dropped;
	bool has_key;     /* MAP: the key came, the value is due */
	bool key_dropped; /* that key was refused; its value is dropped too */
	sluice_str key;
	uint32_t key_line, key_col;
};

struct loader {
	struct arena *arena;
	struct diag *diag;
	const struct env *env;
	const char *file;
	sluice_str text;
	struct level levels[YAML_DEPTH_MAX];
	unsigned depth;
	struct node **members; /* owned: the members of all open collections, one after the other */
	size_t n_members, cap_members;
	size_t n_nodes;
	size_t expanded; /* bytes that came from the environment */
	struct node *root;
	unsigned n_documents;
};

static struct mark loader_mark(const struct loader *l, yaml_mark_t m)
{
	return (struct mark){ .file = l->file,
		.line = (uint32_t)m.line + 1,
		.col = (uint32_t)m.column + 1 };
}

static struct level *loader_top(struct loader *l)
{
	return l->depth ? &l->levels[l->depth - 1] : NULL;
}

/* ---- duplicate keys ------------------------------------------------------------------------ */

static int node_by_key(const void *pa, const void *pb)
{
	const struct node *a = *(const struct node *const *)pa,
			  *b = *(const struct node *const *)pb;
	size_t len = a->key.len < b->key.len ? a->key.len : b->key.len;
	int c = len ? memcmp(a->key.data, b->key.data, len) : 0;
	if (c == 0)
		c = (a->key.len > b->key.len) - (a->key.len < b->key.len);
	return c ? c : (a->index > b->index) - (a->index < b->index);
}

/* Sort the members, report keys given twice and keep the first of them. Returns how many are
 * left. */
static uint32_t map_sort(struct loader *l, const struct node **v, uint32_t n)
{
	uint32_t kept = 0;
	qsort(v, n, sizeof(*v), node_by_key);
	for (uint32_t i = 0; i < n; i++) {
		if (kept == 0 || !str_eq(v[kept - 1]->key, v[i]->key)) {
			v[kept++] = v[i];
			continue;
		}
		struct quoted q;
		struct mark at = node_key_mark(v[i]);
		(void)diag_error(l->diag, &at, "the key %s is given twice",
			quote_str(&q, v[i]->key));
		diag_hint(l->diag, "it was first given at %s:%u:%u", l->file, v[kept - 1]->key_line,
			v[kept - 1]->key_col);
	}
	return kept;
}

static void loader_close(struct loader *l)
{
	struct level *top = &l->levels[--l->depth];
	struct node *node = top->node;
	uint32_t n = (uint32_t)(l->n_members - top->first), kept = 0;
	const struct node **v = arena_alloc(l->arena, n * sizeof(*v) + 1);

	for (uint32_t i = 0; i < n; i++)
		v[i] = l->members[top->first + i];
	l->n_members = top->first;
	node->n = n;
	node->v = v;
	if (node->kind != NODE_MAP || n == 0)
		return;
	const struct node **sorted = arena_alloc(l->arena, n * sizeof(*sorted));
	memcpy(sorted, v, n * sizeof(*sorted));
	node->n = map_sort(l, sorted, n);
	node->sorted = sorted;
	/* also in the order of the file: keep only the first of each key */
	for (uint32_t i = 0; i < n && node->n < n; i++) {
		if (node_find(node, v[i]->key) == v[i])
			v[kept++] = v[i];
	}
}

/* ---- nodes --------------------------------------------------------------------------------- */

static void members_add(struct loader *l, struct node *n)
{
	if (l->n_members == l->cap_members) {
		size_t cap = l->cap_members ? 2 * l->cap_members : 256;
		l->members = mem_resize(l->members, cap, sizeof(*l->members), "nodes");
		l->cap_members = cap;
	}
	l->members[l->n_members++] = n;
}

/* Add a node: as the root, the next of a list, or the value of the last key. NULL: too many
 * nodes. */
static struct node *loader_node(struct loader *l, enum node_kind kind, yaml_mark_t m, bool *dropped)
{
	struct level *top = loader_top(l);
	if (++l->n_nodes > YAML_NODES_MAX) {
		struct mark at = loader_mark(l, m);
		(void)diag_error(l->diag, &at, "the file has more than %d values", YAML_NODES_MAX);
		return NULL;
	}
	struct node *n = arena_new(l->arena, struct node);
	n->kind = (uint8_t)kind;
	n->line = (uint32_t)m.line + 1;
	n->col = (uint32_t)m.column + 1;
	n->file = l->file;
	*dropped = false;
	if (!top) {
		l->root = n;
		return n;
	}
	n->parent = top->node;
	n->index = (uint32_t)(l->n_members - top->first);
	*dropped = top->dropped;
	if (top->node->kind == NODE_MAP) {
		*dropped |= top->key_dropped;
		n->key = top->key;
		n->key_line = top->key_line;
		n->key_col = top->key_col;
		top->has_key = false;
	}
	if (!*dropped)
		members_add(l, n);
	return n;
}

static bool loader_key_is_due(struct loader *l)
{
	struct level *top = loader_top(l);
	return top && top->node->kind == NODE_MAP && !top->has_key;
}

static void loader_refuse_key(struct loader *l, yaml_mark_t m, const char *why)
{
	struct mark at = loader_mark(l, m);
	struct level *top = loader_top(l);
	(void)diag_error(l->diag, &at, "%s", why);
	top->has_key = true;
	top->key_dropped = true;
}

static void loader_key(struct loader *l, const yaml_event_t *e)
{
	struct level *top = loader_top(l);
	sluice_str key = str_n((const char *)e->data.scalar.value, e->data.scalar.length);
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	top->has_key = true;
	top->key_dropped = false;
	top->key = arena_str(l->arena, key);
	top->key_line = (uint32_t)e->start_mark.line + 1;
	top->key_col = (uint32_t)e->start_mark.column + 1;
	if (plain && str_eq(key, STR("<<")))
		loader_refuse_key(l, e->start_mark,
			"merge keys (<<) are not supported: write the keys out");
	else if (key.len > YAML_KEY_MAX)
		loader_refuse_key(l, e->start_mark, "the key is too long");
	else if (key.len && memchr(key.data, 0, key.len))
		loader_refuse_key(l, e->start_mark, "the key contains a NUL byte");
	else if (key.len > 1 && memmem(key.data, key.len, "${", 2))
		loader_refuse_key(l, e->start_mark,
			"the environment can be referred to in values, not in keys");
}

static int loader_open(struct loader *l, const yaml_event_t *e, enum node_kind kind)
{
	bool dropped;
	bool is_key = loader_key_is_due(l);
	if (is_key)
		loader_refuse_key(l, e->start_mark, "a key must be a text, not a list or a block");
	if (l->depth == YAML_DEPTH_MAX) {
		struct mark at = loader_mark(l, e->start_mark);
		return diag_error(l->diag, &at, "lists and blocks are nested more than %d deep",
			YAML_DEPTH_MAX);
	}
	struct level *top = loader_top(l);
	struct node *n = loader_node(l, kind, e->start_mark, &dropped);
	if (!n)
		return -1;
	if (is_key)
		/* the value of the refused key comes next and is dropped too */
		top->has_key = true;
	l->levels[l->depth++] =
		(struct level){ .node = n, .first = l->n_members, .dropped = dropped };
	return 0;
}

static void loader_text(struct loader *l, struct node *n, sluice_str text)
{
	sluice_str out;
	struct mark at = node_mark(n);
	n->text = STR("");
	n->broken = true;
	if (text.len && memchr(text.data, 0, text.len)) {
		(void)diag_error_node(l->diag, n, "the text contains a NUL byte");
		return;
	}
	if (l->expanded > YAML_SIZE_MAX ||
		env_expand(l->env, l->arena, l->diag, &at, text, &out) < 0)
		return;
	if (out.data == text.data) {
		n->text = arena_str(l->arena, text);
	} else {
		/* a short file can refer to a large variable many times, so the sum is bounded like
		   the file */
		l->expanded += out.len;
		if (l->expanded > YAML_SIZE_MAX) {
			(void)diag_error_node(l->diag, n,
				"the environment's values make the file larger than %d MiB",
				YAML_SIZE_MAX >> 20);
			return;
		}
		n->text = out;
		n->raw = arena_str(l->arena, text).data;
	}
	n->broken = false;
}

static int loader_scalar(struct loader *l, const yaml_event_t *e)
{
	bool dropped;
	if (loader_key_is_due(l)) {
		loader_key(l, e);
		return 0;
	}
	struct node *n = loader_node(l, NODE_SCALAR, e->start_mark, &dropped);
	if (!n)
		return -1;
	n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (!dropped)
		loader_text(l, n, str_n((const char *)e->data.scalar.value, e->data.scalar.length));
	return 0;
}

/* The text from a mark to the end of its line. */
static sluice_str text_at(sluice_str text, yaml_mark_t m)
{
	for (size_t line = 0; line < m.line && text.len; line++)
		(void)str_cut(&text, '\n');
	text = str_cut(&text, '\n');
	for (size_t col = 0; col < m.column && text.len; col++) {
		size_t len = utf8_len(text.data, text.len); /* never 0: the text was checked */
		text = str_n(text.data + len, text.len - len);
	}
	return text;
}

/* YAML reads a text that begins with a star as an alias: hint at the quotes it needs. */
static void hint_quotes(struct loader *l, yaml_mark_t star, const char *before)
{
	enum { SHOWN_MAX = 64 };
	sluice_str text = text_at(l->text, star);
	size_t n = 0;
	while (n < text.len && n < SHOWN_MAX && !strchr(" \t\r,]}#\"'", text.data[n]))
		n++;
	diag_hint(l->diag, "%sa text that begins with * needs quotes: \"%.*s\"", before, (int)n,
		text.data);
}

static int loader_alias(struct loader *l, const yaml_event_t *e)
{
	bool dropped;
	if (loader_key_is_due(l)) {
		loader_refuse_key(l, e->start_mark,
			"aliases (*name) are not supported: write the key out");
		return 0;
	}
	struct node *n = loader_node(l, NODE_SCALAR, e->start_mark, &dropped);
	if (!n)
		return -1;
	n->text = STR("");
	n->broken = true;
	if (!dropped) {
		(void)diag_error_node(l->diag, n, "aliases (*name) are not supported");
		hint_quotes(l, e->start_mark, "write the value out; ");
	}
	return 0;
}

/* ---- events -------------------------------------------------------------------------------- */

static void loader_refuse_property(struct loader *l, const yaml_event_t *e,
	const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct mark at = loader_mark(l, e->start_mark);
	if (anchor) {
		(void)diag_error(l->diag, &at, "anchors (&name) are not supported");
		diag_hint(l->diag, "remove it; a text that begins with & needs quotes");
	}
	if (tag) {
		(void)diag_error(l->diag, &at, "tags (!name) are not supported");
		diag_hint(l->diag, "remove it; a text that begins with ! needs quotes");
	}
}

static int loader_document(struct loader *l, const yaml_event_t *e)
{
	struct mark at = loader_mark(l, e->start_mark);
	if (l->n_documents++) {
		(void)diag_error(l->diag, &at, "a second document begins here");
		diag_hint(l->diag, "a configuration is one document: remove the --- line");
		return -1;
	}
	if (e->data.document_start.tag_directives.start !=
		e->data.document_start.tag_directives.end)
		(void)diag_error(l->diag, &at, "tags are not supported: remove the %%TAG line");
	return 0;
}

/* 1: go on; 0: end of the stream; -1: a mistake that ends the parsing. */
static int loader_event(struct loader *l, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_STREAM_END_EVENT:
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		return loader_document(l, e) < 0 ? -1 : 1;
	case YAML_ALIAS_EVENT:
		return loader_alias(l, e) < 0 ? -1 : 1;
	case YAML_SCALAR_EVENT:
		loader_refuse_property(l, e, e->data.scalar.anchor, e->data.scalar.tag);
		return loader_scalar(l, e) < 0 ? -1 : 1;
	case YAML_SEQUENCE_START_EVENT:
		loader_refuse_property(l, e, e->data.sequence_start.anchor,
			e->data.sequence_start.tag);
		return loader_open(l, e, NODE_LIST) < 0 ? -1 : 1;
	case YAML_MAPPING_START_EVENT:
		loader_refuse_property(l, e, e->data.mapping_start.anchor,
			e->data.mapping_start.tag);
		return loader_open(l, e, NODE_MAP) < 0 ? -1 : 1;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		loader_close(l);
		return 1;
	default:
		return 1;
	}
}

/* Report libyaml's error, with a hint at the usual cause. */
static void loader_syntax_error(struct loader *l, const yaml_parser_t *p)
{
	struct mark at = loader_mark(l, p->problem_mark);
	yaml_mark_t start = { .line = p->problem_mark.line };
	sluice_str line = text_at(l->text, start), here = text_at(l->text, p->problem_mark);
	char c = here.len ? here.data[0] : '\n';

	if (p->error == YAML_MEMORY_ERROR) {
		(void)diag_error(l->diag, &(struct mark){ .file = l->file }, "out of memory");
		return;
	}
	(void)diag_error(l->diag, &at, "not YAML: %s%s%s", p->problem ? p->problem : "malformed",
		p->context ? " " : "", p->context ? p->context : "");
	if (c == '\t')
		diag_hint(l->diag, "indent with spaces: YAML does not take tabs");
	else if (c == '@' || c == '`' || c == '%')
		diag_hint(l->diag, "a text that begins with %c needs quotes", c);
	else if (p->context && strstr(p->context, "an alias"))
		hint_quotes(l, p->context_mark, "");
	else if (line.len > 1 && memmem(line.data, line.len, "${", 2))
		diag_hint(l->diag, "within { } and [ ] a reference needs quotes: \"${NAME}\"");
	else if (p->context && p->context_mark.line != p->problem_mark.line)
		diag_hint(l->diag, "what is read here began at %s:%zu:%zu: compare the indentation",
			l->file, p->context_mark.line + 1, p->context_mark.column + 1);
}

/* Report the first byte that a configuration must not contain. Lines and columns are counted as
 * libyaml does. */
static int text_check(struct loader *l)
{
	uint32_t line = 1, col = 1;
	for (size_t i = 0; i < l->text.len;) {
		unsigned char c = (unsigned char)l->text.data[i];
		size_t len = utf8_len(l->text.data + i, l->text.len - i);
		struct mark at = { .file = l->file, .line = line, .col = col };
		if (len == 0) {
			(void)diag_error(l->diag, &at, "the byte 0x%02x is not UTF-8", c);
			diag_hint(l->diag, "save the file as UTF-8");
			return -1;
		}
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return diag_error(l->diag, &at,
				"the control byte 0x%02x is not permitted in a configuration", c);
		i += len;
		col++;
		if (c == '\n' || (c == '\r' && !(i < l->text.len && l->text.data[i] == '\n'))) {
			line++;
			col = 1;
		}
	}
	return 0;
}

static int loader_run(struct loader *l)
{
	yaml_parser_t parser;
	int more = 1;
	check(yaml_parser_initialize(&parser), "out of memory");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)l->text.data, l->text.len);
	while (more > 0) {
		yaml_event_t e;
		if (!yaml_parser_parse(&parser, &e)) {
			loader_syntax_error(l, &parser);
			more = -1;
			break;
		}
		more = loader_event(l, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
	return more;
}

const struct node *yaml_parse(struct arena *a, struct diag *d, const struct env *env,
	const char *name, sluice_str text)
{
	struct loader l = { .arena = a,
		.diag = d,
		.env = env,
		.file = arena_str(a, str_of(name)).data,
		.text = text };
	struct mark whole = { .file = l.file };

	/* a byte order mark, which UTF-8 does not need */
	if (str_starts(text, STR("\xef\xbb\xbf")))
		l.text = str_n(text.data + 3, text.len - 3);
	if (text.len > YAML_SIZE_MAX) {
		(void)diag_error(d, &whole, "the file is larger than %d MiB", YAML_SIZE_MAX >> 20);
		return NULL;
	}
	if (text_check(&l) < 0)
		return NULL;
	int rc = loader_run(&l);
	free(l.members);
	if (rc < 0)
		return NULL;
	if (l.root && !node_is_null(l.root))
		return l.root;
	struct node *empty = arena_new(a, struct node);
	*empty = (struct node){ .kind = NODE_MAP, .line = 1, .col = 1, .file = l.file };
	return empty;
}
