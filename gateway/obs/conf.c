/* The option table of the access log. */
#include "obs/conf.h"

static const char *const formats[] = { "json", "combined", "common", NULL };
static const char *const queries[] = { "keep", "drop", NULL };

_Static_assert(ACCESS_SINKS == 4, "as the option's bound says");

const sluice_option access_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct access_conf, path, .def = "stderr",
		.flags = SLUICE_F_SCALAR,
		.doc = "destination of one line per request: a file, stderr, stdout or off"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct access_conf, format, .def = "json", .choices = formats,
		.doc = "format of a line"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct access_conf, query, .def = "keep", .choices = queries,
		.doc = "whether lines show the query; values of parameters such as access_token "
		       "are always masked"),
	SLUICE_OPTION(SLUICE_T_STRS, struct access_conf, sinks, .max = "4",
		.doc = "plugin instances that are given each request as a record, beside the file "
		       "or, with path: off, in its place"),
	SLUICE_OPTIONS_END,
};
