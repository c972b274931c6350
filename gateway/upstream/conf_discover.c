/* The options of discovery, and their rules. See conf_discover.h. */
#include "upstream/conf_discover.h"

#include "upstream/conf_address.h"
#include "upstream/servers_file.h"

const sluice_option discover_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_discover, srv, .min = "1", .max = "253",
		.doc = "name of a service whose SRV records name the servers, such as "
		       "_http._tcp.orders.svc.local"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_discover, file, .min = "1",
		.doc = "file with a list of servers, in JSON or YAML, that is read again whenever "
		       "it changes"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_discover, plugin, .min = "1",
		.doc = "name of an instance in `plugins` whose plugin finds the servers"),
	SLUICE_OPTIONS_END,
};

static int check_srv(struct bind *b, const struct upstream_discover *conf)
{
	sluice_str name = conf->srv;
	if (name.len == 0 || host_can_be_resolved(name))
		return 0;
	(void)bind_error(b, conf, "srv", "not the name of a service");
	if (memchr(name.data, ':', name.len))
		diag_hint(b->diag, "without a port: the SRV records have the ports");
	else
		diag_hint(b->diag, "write a name in DNS, such as _http._tcp.orders.svc.local");
	return -1;
}

/* What is wrong in the file, as warnings at their places. */
static void check_file(struct bind *b, struct upstream_discover *conf)
{
	struct diag d;
	if (!b->config)
		return;
	const char *path = config_path(b->config, bind_node(b, conf), conf->file);
	conf->file = str_of(path);
	diag_init(&d);
	struct server_set *set = servers_file_read(path, &d);
	for (unsigned i = 0; i < d.n_items; i++) {
		const struct diag_item *item = d.items[i];
		const struct mark at = { .file = item->file, .line = item->line, .col = item->col };
		diag_warn(b->diag, &at, "%s%s%s", item->path, item->path[0] ? ": " : "",
			item->text);
	}
	server_set_unref(&set);
	diag_fini(&d);
}

int discover_conf_check(struct bind *b, struct upstream_discover *conf, bool given)
{
	int n = (conf->srv.len > 0) + (conf->file.len > 0) + (conf->plugin.len > 0);
	if (!given)
		return 0;
	if (n != 1) {
		(void)bind_error(b, conf, NULL,
			n ? "servers are found in one way only"
			  : "nothing says how servers are found");
		diag_hint(b->diag, "write one of srv, file and plugin");
		return -1;
	}
	if (conf->file.len)
		check_file(b, conf);
	return check_srv(b, conf);
}
