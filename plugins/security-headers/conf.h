/* The options of the plugin security-headers, as bound, and what check() makes of them: the fields
 * to write. Immutable while in force. */
#ifndef SECURITY_HEADERS_CONF_H
#define SECURITY_HEADERS_CONF_H

#include <sluice/plugin.h>

enum profile { PROFILE_PAGES = 0, PROFILE_API, PROFILE_NONE };
enum theirs { THEIRS_KEEP = 0, THEIRS_REPLACE };

struct hsts {
	bool enabled, include_subdomains, preload;
	uint64_t max_age; /* milliseconds */
};

/* The fields, in the order in which they are written. */
enum which {
	FIELD_HSTS = 0,
	FIELD_TYPE,
	FIELD_FRAME,
	FIELD_CSP,
	FIELD_CSP_REPORT,
	FIELD_REFERRER,
	FIELD_PERMISSIONS,
	FIELD_OPENER,
	FIELD_EMBEDDER,
	FIELD_RESOURCE,
	FIELD_COUNT
};

struct security {
	int32_t profile, upstream_fields;
	struct hsts strict_transport_security;
	sluice_str x_content_type_options, x_frame_options, cross_origin_opener_policy,
		cross_origin_embedder_policy, cross_origin_resource_policy;
	sluice_strs frame_ancestors, content_security_policy, content_security_policy_report_only,
		referrer_policy, permissions_policy, remove;
	/* made by check(); an empty value: the field is not written */
	sluice_str values[FIELD_COUNT];
	/* the policy for a response whose upstream decides by X-Frame-Options who may frame it */
	sluice_str csp_without_frames;
};

extern const sluice_option security_options[];
extern const sluice_str security_names[FIELD_COUNT];
int security_check(sluice_instance *inst, void *conf);

#endif
