/*
 * The options that every instance of a plugin has, whatever the plugin. A plugin's own options have
 * other names. Any thread.
 */
#ifndef POLICY_COMMON_H
#define POLICY_COMMON_H

#include <sluice/plugin.h>

enum instance_on_error { INSTANCE_DENY, INSTANCE_SKIP };
enum instance_mode { INSTANCE_ENFORCE, INSTANCE_REPORT };

struct instance_common {
	sluice_str use;
	int32_t on_error; /* enum instance_on_error */
	int32_t mode;     /* enum instance_mode */
	uint64_t budget;  /* milliseconds that one call of a hook may take; 0: not said */
};

extern const sluice_option instance_options[];

#endif
