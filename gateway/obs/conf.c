/* The option table of the access log. */
#include "obs/conf.h"

static const char *const formats[] = { "json", "combined", "common", NULL };
static const char *const queries[] = { "keep", "drop", NULL };

const sluice_option access_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct access_conf, path, .def = "stderr",
		.flags = SLUICE_F_SCALAR,
		.doc = "where a line for each request goes: a file, stderr, stdout or off"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct access_conf, format, .def = "json", .choices = formats,
		.doc = "what the line looks like"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct access_conf, query, .def = "keep", .choices = queries,
		.doc = "whether lines have the query; values of parameters such as access_token "
		       "are masked in any case"),
	SLUICE_OPTIONS_END,
};
