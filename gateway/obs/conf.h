/* The `access:` block of the file: format and destination of the access log. Immutable while in
 * force. */
#ifndef OBS_CONF_H
#define OBS_CONF_H

#include <sluice/plugin.h>

enum access_format { ACCESS_JSON, ACCESS_COMBINED, ACCESS_COMMON };
enum access_query { ACCESS_QUERY_KEEP, ACCESS_QUERY_DROP };

struct access_conf {
	sluice_str path; /* "stderr", "stdout", "off" or a file */
	int32_t format;  /* enum access_format */
	int32_t query;   /* enum access_query */
};

extern const sluice_option access_options[];

#endif
