/* The options of the plugin redirect, as bound, and what check() derives of them. Immutable while
 * in force. */
#ifndef REDIRECT_CONF_H
#define REDIRECT_CONF_H

#include <sluice/plugin.h>

enum scheme { SCHEME_KEEP = 0, SCHEME_HTTP, SCHEME_HTTPS };
enum query { QUERY_KEEP = 0, QUERY_DROP };

/* A member of `hosts`. */
struct host_pattern {
	sluice_str name; /* lower case */
	bool is_parent;  /* "*.name": hosts below it */
};

/* A member of `except`. */
struct open_path {
	sluice_str path;
	bool has_below; /* "path" and "path/" with all behind it */
};

struct redirect {
	int32_t scheme; /* enum scheme */
	sluice_str host, path;
	sluice_strs hosts;
	uint64_t port;  /* 0: none given */
	int32_t query;  /* enum query */
	int32_t status; /* index into the choices */
	sluice_strs except;

	/* set by check() */
	int code;          /* status code */
	bool is_absolute;  /* Location has scheme and host; else it is a path */
	bool is_any_host;  /* `hosts` has "*" */
	bool uses_asked;   /* the host that it leads to is made of the client's */
	bool has_own_path; /* path is given */
	struct host_pattern *patterns;
	size_t n_patterns;
	struct open_path *open;
	const sluice_template *host_text;  /* NULL: the client's host */
	const sluice_template *path_text;  /* path, or the request's */
	const sluice_template *query_text; /* the request's; NULL: it is dropped */
};

#endif
