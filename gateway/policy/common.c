/* The options that every instance has. See common.h. */
#include "policy/common.h"

static const char *const on_error_choices[] = { "deny", "skip", NULL };
static const char *const mode_choices[] = { "enforce", "report", NULL };

const sluice_option instance_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct instance_common, use, .flags = SLUICE_F_REQUIRED,
		.doc = "name of the plugin"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct instance_common, on_error, .def = "deny",
		.choices = on_error_choices,
		.doc = "when a hook of the plugin fails: deny ends the request with 500 "
		       "`plugin-failed`, or closes the connection that the hook is about; skip "
		       "lets it go on as if the plugin had let it pass"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct instance_common, mode, .def = "enforce",
		.choices = mode_choices,
		.doc = "report: what the plugin would have answered, refused or changed is only "
		       "logged and counted, and the request or connection goes on untouched"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct instance_common, budget, .min = "1ms", .max = "1m",
		.doc = "time that one call of a hook may take on its worker, waits not counted; "
		       "longer calls are logged and counted; left out: no time is measured for "
		       "this"),
	SLUICE_OPTIONS_END,
};
