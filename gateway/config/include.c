/* Files that a configuration includes. Main thread. */
#include "config/include.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>

#include "base/load.h"
#include "config/table.h"
#include "config/yaml.h"

/* A file that was read. */
struct included {
	const char *name; /* as shown: from the folder of the first one */
	sluice_str id;
	const struct node *root; /* NULL: it has no members */
	struct mark at;          /* where it is included; of the first one the file itself */
	const struct included *by;
	bool open; /* its own includes are being read */
	struct included *next;
};

struct include {
	const struct include_args *args;
	struct included *first, *last;
	size_t n, bytes;
};

/* ---- the disk ------------------------------------------------------------------------------ */

static int disk_match(void *ctx, struct arena *a, const char *pattern, sluice_strs *out)
{
	glob_t g = { 0 };
	(void)ctx;
	int rc = glob(pattern, 0, NULL, &g);
	*out = (sluice_strs){ 0 };
	if (rc == 0) {
		sluice_str *v = arena_alloc(a, g.gl_pathc * sizeof(*v) + 1);
		for (size_t i = 0; i < g.gl_pathc; i++)
			v[i] = arena_str(a, str_of(g.gl_pathv[i]));
		*out = (sluice_strs){ .v = v, .n = g.gl_pathc };
	}
	globfree(&g);
	return rc == 0 || rc == GLOB_NOMATCH ? 0 : rc == GLOB_NOSPACE ? -ENOMEM : -EIO;
}

static sluice_str disk_identity(void *ctx, struct arena *a, const char *path)
{
	char real[PATH_MAX];
	(void)ctx;
	return arena_str(a, str_of(realpath(path, real) ? real : path));
}

static int disk_read(void *ctx, struct arena *a, const char *path, size_t max, sluice_str *out)
{
	struct loaded l;
	(void)ctx;
	int err = load_file(&l, path, LOAD_REGULAR, max);
	if (err)
		return err;
	*out = arena_str(a, str_n(l.data, l.len));
	load_free(&l);
	return 0;
}

const struct include_disk include_from_disk = { disk_match, disk_identity, disk_read, NULL };

/* ---- reading ------------------------------------------------------------------------------- */

static void files_read(struct include *inc, const struct included *by);

static struct included *files_add(struct include *inc, struct included f)
{
	struct included *at = arena_new(inc->args->arena, struct included);
	struct config_source *s = arena_new(inc->args->arena, struct config_source);
	*at = f;
	if (inc->last)
		inc->last->next = at;
	else
		inc->first = at;
	inc->last = at;
	inc->n++;
	if (f.root && f.by) { /* the folder of the first one is known */
		*s = (struct config_source){ .file = f.root->file,
			.dir = source_folder(inc->args->arena, f.name),
			.next = *inc->args->sources };
		*inc->args->sources = s;
	}
	return at;
}

/* "a.yaml > b.yaml > c.yaml", from the first file down to f. */
static sluice_str files_chain(struct include *inc, const struct included *f)
{
	sluice_str text = str_of(f->name);
	for (f = f->by; f; f = f->by)
		text = arena_printf(inc->args->arena, "%s > %.*s", f->name, STR_ARG(text));
	return text;
}

/* Whether the file may be read; if not, it is reported. */
static bool file_may_come(struct include *inc, const struct included *by, const struct node *n,
	const char *name, sluice_str id)
{
	struct diag *d = inc->args->diag;
	unsigned depth = 0;
	for (const struct included *f = inc->first; f; f = f->next) {
		if (!str_eq(f->id, id))
			continue;
		if (f->open)
			(void)diag_error_node(d, n, "%s includes itself: %.*s > %s", name,
				STR_ARG(files_chain(inc, by)), name);
		else
			(void)diag_error_node(d, n, "%s is included already, at %s:%u:%u", name,
				f->at.file, f->at.line, f->at.col);
		return false;
	}
	for (const struct included *f = by; f; f = f->by)
		depth++;
	if (depth > INCLUDE_DEPTH_MAX)
		(void)diag_error_node(d, n, "files are included more than %d deep: %.*s > %s",
			INCLUDE_DEPTH_MAX, STR_ARG(files_chain(inc, by)), name);
	else if (inc->n >= INCLUDE_FILES_MAX)
		(void)diag_error_node(d, n, "a configuration has at most %d files",
			INCLUDE_FILES_MAX);
	return depth <= INCLUDE_DEPTH_MAX && inc->n < INCLUDE_FILES_MAX;
}

static void file_include(struct include *inc, const struct included *by, const struct node *n,
	const char *name)
{
	const struct include_args *args = inc->args;
	const struct include_disk *disk = args->disk;
	struct included f = { .name = name, .at = node_mark(n), .by = by, .open = true };
	sluice_str text;
	f.id = disk->identity(disk->ctx, args->arena, name);
	if (!file_may_come(inc, by, n, name, f.id))
		return;
	int err = disk->read(disk->ctx, args->arena, name, YAML_SIZE_MAX - inc->bytes, &text);
	if (err) {
		(void)diag_error_node(args->diag, n, "cannot read %s: %s", name,
			err == -EFBIG ? "all files together are larger than 16 MiB"
				      : load_error(err));
		return;
	}
	inc->bytes += text.len;
	f.root = yaml_parse(args->arena, args->diag, args->env, name, text);
	if (f.root && f.root->kind != NODE_MAP && !node_is_null(f.root)) {
		(void)diag_error_node(args->diag, f.root, "expected a block of options, not %s",
			node_kind_text(f.root));
		f.root = NULL;
	}
	struct included *at = files_add(inc, f);
	files_read(inc, at);
	at->open = false;
}

/* A path or pattern relative to the folder of a file. escape: the folder is no pattern. */
static const char *path_beside(struct arena *a, const char *file, sluice_str path, bool escape)
{
	const char *slash = strrchr(file, '/');
	if (!slash || path.data[0] == '/')
		return arena_str(a, path).data;
	size_t len = (size_t)(slash - file) + 1, n = 0;
	char *dir = arena_alloc(a, 2 * len + 1);
	for (size_t i = 0; i < len; i++) {
		if (escape && strchr("*?[\\", file[i]))
			dir[n++] = '\\';
		dir[n++] = file[i];
	}
	return arena_printf(a, "%.*s%.*s", (int)n, dir, STR_ARG(path)).data;
}

/* One member of `include`. */
static void member_include(struct include *inc, const struct included *by, const struct node *n)
{
	const struct include_args *args = inc->args;
	sluice_strs files;
	if (n->broken)
		return;
	if (n->kind != NODE_SCALAR || node_is_null(n) || !n->text.len) {
		(void)diag_error_node(args->diag, n,
			"expected the path of a file, or a pattern such as routes.d/*.yaml");
		return;
	}
	bool is_pattern = strpbrk(n->text.data, "*?[") != NULL;
	const char *path = path_beside(args->arena, by->name, n->text, is_pattern);
	if (!is_pattern) {
		file_include(inc, by, n, path);
		return;
	}
	int err = args->disk->match(args->disk->ctx, args->arena, path, &files);
	if (err)
		(void)diag_error_node(args->diag, n, "cannot look for %s: %s", path,
			load_error(err));
	else if (files.n == 0)
		diag_warn_node(args->diag, n, "no file matches %s", path);
	for (size_t i = 0; !err && i < files.n; i++)
		file_include(inc, by, n, files.v[i].data);
}

/* What a file includes. */
static void files_read(struct include *inc, const struct included *by)
{
	const struct node *n = by->root ? node_find(by->root, STR("include")) : NULL;
	if (!n)
		return;
	if (n->kind != NODE_LIST)
		member_include(inc, by, n);
	for (uint32_t i = 0; n->kind == NODE_LIST && i < n->n; i++)
		member_include(inc, by, n->v[i]);
}

/* ---- one tree of many ---------------------------------------------------------------------- */

/* An option of the top level that may stand in several files. */
struct merged {
	const struct node *first; /* as the first of them has it */
	uint32_t at;              /* its place among all */
	const struct node **v;    /* members of all; NULL: it stands in one file alone */
	uint32_t n, cap;
};

/* A member of a map and its place in it, to sort by key. */
struct placed {
	const struct node *node;
	uint32_t at;
};

static int placed_compare(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;
	sluice_str k = a->node->key, m = b->node->key;
	size_t len = k.len < m.len ? k.len : m.len;
	int c = len ? memcmp(k.data, m.data, len) : 0;
	if (c == 0)
		c = (k.len > m.len) - (k.len < m.len);
	return c ? c : (a->at > b->at) - (a->at < b->at);
}

/* Make a map of n members. Of a key that stands twice the first is kept, and the other reported. */
static void map_finish(const struct include_args *args, struct node *map, const struct node **v,
	uint32_t n)
{
	struct placed *p = arena_alloc(args->arena, n * sizeof(*p) + 1);
	const struct node **sorted = arena_alloc(args->arena, n * sizeof(*sorted) + 1);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++)
		p[i] = (struct placed){ v[i], i };
	qsort(p, n, sizeof(*p), placed_compare);
	for (uint32_t i = 0; i < n; i++) {
		if (kept == 0 || !str_eq(sorted[kept - 1]->key, p[i].node->key)) {
			sorted[kept++] = p[i].node;
			continue;
		}
		struct quoted q;
		struct mark at = node_key_mark(p[i].node), first = node_key_mark(sorted[kept - 1]);
		(void)diag_error(args->diag, &at, "%s is there already, at %s:%u:%u",
			quote_str(&q, p[i].node->key), first.file, first.line, first.col);
		v[p[i].at] = NULL;
	}
	map->sorted = sorted;
	map->n = kept;
	for (uint32_t i = 0, to = 0; i < n; i++) {
		if (v[i])
			v[to++] = v[i];
	}
	map->v = v;
}

static void merged_append(const struct include_args *args, struct merged *m, const struct node *n)
{
	if (m->n + n->n > m->cap) {
		uint32_t cap = 2 * (m->n + n->n) + 16;
		const struct node **v = arena_alloc(args->arena, cap * sizeof(*v));
		if (m->n)
			memcpy(v, m->v, m->n * sizeof(*v));
		m->v = v;
		m->cap = cap;
	}
	for (uint32_t i = 0; i < n->n; i++)
		m->v[m->n++] = n->v[i];
}

/* An option that another file has, too. */
static void merged_add(const struct include_args *args, struct merged *m, const struct node *n)
{
	const sluice_option *row = table_find(args->top, n->key);
	struct mark at = node_key_mark(n), first = node_key_mark(m->first);
	struct quoted q;
	if (n->broken || node_is_null(n))
		return;
	if (m->first->broken || node_is_null(m->first)) {
		m->first = n;
	} else if ((row && row->type == SLUICE_T_BLOCK) || n->kind == NODE_SCALAR) {
		(void)diag_error(args->diag, &at,
			"%s may stand in one file only; it is at %s:%u:%u", quote_str(&q, n->key),
			first.file, first.line, first.col);
	} else if (n->kind != m->first->kind) {
		(void)diag_error(args->diag, &at, "%s is %s here, and %s at %s:%u:%u",
			quote_str(&q, n->key), node_kind_text(n), node_kind_text(m->first),
			first.file, first.line, first.col);
	} else {
		if (!m->v)
			merged_append(args, m, m->first);
		merged_append(args, m, n);
	}
}

/* The node for an option that stands in several files. */
static const struct node *merged_node(const struct include_args *args, const struct merged *m)
{
	if (!m->v)
		return m->first;
	struct node *n = arena_new(args->arena, struct node);
	*n = *m->first;
	n->v = m->v;
	n->n = m->n;
	if (n->kind == NODE_MAP)
		map_finish(args, n, m->v, m->n);
	return n;
}

/* What stands at the top level of all files, in their order; how many of it are set. */
static uint32_t files_members(const struct include *inc, struct placed *out)
{
	uint32_t n = 0;
	for (const struct included *f = inc->first; f; f = f->next) {
		bool is_first = f == inc->first;
		for (uint32_t i = 0; f->root && f->root->kind == NODE_MAP && i < f->root->n; i++) {
			const struct node *member = f->root->v[i];
			if (!is_first && str_eq(member->key, STR("include")))
				continue;
			out[n] = (struct placed){ member, n };
			n++;
		}
	}
	return n;
}

static int merged_compare(const void *x, const void *y)
{
	const struct merged *a = x, *b = y;
	return (a->at > b->at) - (a->at < b->at);
}

/* Members with one key become one, which stands where the first of them does. Sorting brings them
 * together: a file may have any number of keys. */
static uint32_t members_merge(const struct include_args *args, struct placed *p, uint32_t n,
	struct merged *out)
{
	uint32_t k = 0;
	qsort(p, n, sizeof(*p), placed_compare);
	for (uint32_t i = 0; i < n; i++) {
		if (k && str_eq(out[k - 1].first->key, p[i].node->key))
			merged_add(args, &out[k - 1], p[i].node);
		else
			out[k++] = (struct merged){ .first = p[i].node, .at = p[i].at };
	}
	qsort(out, k, sizeof(*out), merged_compare);
	return k;
}

static const struct node *files_merge(const struct include *inc, const struct node *root)
{
	struct arena *a = inc->args->arena;
	size_t most = 0;
	for (const struct included *f = inc->first; f; f = f->next)
		most += f->root && f->root->kind == NODE_MAP ? f->root->n : 0;
	struct placed *members = arena_alloc(a, most * sizeof(*members) + 1);
	struct merged *merged = arena_zalloc(a, most * sizeof(*merged) + 1);
	uint32_t n = members_merge(inc->args, members, files_members(inc, members), merged);
	const struct node **v = arena_alloc(a, n * sizeof(*v) + 1);
	for (uint32_t i = 0; i < n; i++)
		v[i] = merged_node(inc->args, &merged[i]);
	struct node *all = arena_new(a, struct node);
	*all = *root;
	map_finish(inc->args, all, v, n);
	return all;
}

const struct node *include_files(const struct include_args *args, const struct node *root)
{
	struct include inc = { .args = args, .bytes = args->size };
	const struct included first = { .name = args->file,
		.id = args->disk->identity(args->disk->ctx, args->arena, args->file),
		.root = root,
		.at = { .file = args->file },
		.open = true };
	if (root->kind != NODE_MAP || !node_find(root, STR("include")))
		return root;
	files_read(&inc, files_add(&inc, first));
	return inc.n > 1 ? files_merge(&inc, root) : root;
}
