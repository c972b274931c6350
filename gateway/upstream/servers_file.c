/* Files with servers. See servers_file.h. */
#include "upstream/servers_file.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config/yaml.h"
#include "upstream/conf.h"

struct servers_conf {
	sluice_blocks servers; /* struct upstream_server */
};

static const sluice_option file_options[] = {
	SLUICE_OPTION(SLUICE_T_LIST, struct servers_conf, servers, .max = "10000",
		.sub = upstream_server_options, .sub_size = sizeof(struct upstream_server),
		.doc = "the servers"),
	SLUICE_OPTIONS_END,
};

/* The file is another program's: it must not read the gateway's environment. */
static const char *env_no_value(void *ctx, const char *name)
{
	(void)ctx, (void)name;
	return NULL;
}

static const struct env env_empty = { env_no_value, NULL };

/* A list stands for a block with this list as `servers`. */
static const struct node *file_block(struct arena *a, const struct node *root, struct diag *d)
{
	if (root->kind == NODE_MAP && root->n)
		return root;
	if (root->kind != NODE_LIST) {
		(void)diag_error_node(d, root, "must be a list of servers, not %s",
			root->n || root->kind == NODE_SCALAR ? node_kind_text(root) : "nothing");
		diag_hint(d, "a list without servers is []");
		return NULL;
	}
	struct node *map = arena_new(a, struct node), *list = arena_new(a, struct node);
	const struct node **v = arena_new(a, const struct node *);
	*list = *root;
	list->key = STR("servers");
	*map = (struct node){ .kind = NODE_MAP, .line = 1, .col = 1, .n = 1, .file = root->file };
	map->v = map->sorted = v;
	v[0] = list;
	return map;
}

static int by_address(const void *a, const void *b)
{
	const struct upstream_server *const *x = a, *const *y = b;
	int r = server_order((*x)->address, (*y)->address);
	return r ? r : (*x > *y) - (*x < *y);
}

/* No server stands there twice. */
static void check_once(struct bind *b, const struct upstream_server *v, size_t n)
{
	const struct upstream_server **sorted = mem_array(const struct upstream_server *, n);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &v[i];
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_address);
	for (size_t i = 1; i < n; i++) {
		if (sorted[i]->address.len && str_eq(sorted[i]->address, sorted[i - 1]->address))
			(void)bind_error(b, sorted[i], "address",
				"this server stands in the list already");
	}
	free(sorted);
}

static struct upstream_server server_of(const void *ctx, size_t i)
{
	const struct upstream_server *v = ctx;
	return v[i];
}

static struct server_set *file_bind(struct bind *b, const struct node *block)
{
	struct servers_conf conf = { 0 };
	char why[DISCOVERED_WHY];
	if (bind_map(b, block, file_options, &conf) < 0)
		return NULL;
	const struct upstream_server *v = conf.servers.v;
	bool good = true;
	for (size_t i = 0; i < conf.servers.n; i++)
		good &= upstream_address_check(b, &v[i], v[i].address) == 0;
	check_once(b, v, conf.servers.n);
	if (!good || b->diag->n_errors)
		return NULL;
	struct server_set *set = server_set_new(conf.servers.n, server_of, v, why);
	if (!set) /* names that differ by case alone */
		(void)diag_error(b->diag, &(struct mark){ .file = block->file }, "%s", why);
	return set;
}

struct server_set *servers_file_parse(const char *name, sluice_str text, struct diag *d)
{
	struct server_set *set = NULL;
	struct arena arena;
	struct bind b;
	arena_init(&arena, 0);
	bind_init(&b, &arena, d, NULL);
	const struct node *root = yaml_parse(&arena, d, &env_empty, name, text);
	const struct node *block = root && !d->n_errors ? file_block(&arena, root, d) : NULL;
	if (block)
		set = file_bind(&b, block);
	bind_fini(&b);
	arena_fini(&arena);
	return set;
}

struct server_set *servers_file_read(const char *path, struct diag *d)
{
	struct server_set *set = NULL;
	struct arena arena;
	sluice_str text;
	arena_init(&arena, 0);
	int err = file_read(&arena, path, SERVERS_FILE_MAX, &text);
	if (err < 0)
		(void)diag_error(d, &(struct mark){ .file = path }, "cannot be read: %s",
			file_error(err));
	else
		set = servers_file_parse(path, text, d);
	arena_fini(&arena);
	return set;
}
