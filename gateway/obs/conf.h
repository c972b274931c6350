/* The `access:` block of the file: format and destinations of the access log. Immutable while in
 * force. */
#ifndef OBS_CONF_H
#define OBS_CONF_H

#include <sluice/plugin.h>

enum access_format { ACCESS_JSON, ACCESS_COMBINED, ACCESS_COMMON };
enum access_query { ACCESS_QUERY_KEEP, ACCESS_QUERY_DROP };

struct access_conf {
	sluice_str path;   /* "stderr", "stdout", "off" or a file */
	int32_t format;    /* enum access_format */
	int32_t query;     /* enum access_query */
	sluice_strs sinks; /* names of plugin instances */
};

enum { ACCESS_SINKS = 4 };

extern const sluice_option access_options[];

#endif
