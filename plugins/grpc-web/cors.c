/* Pages of other origins. See the header. */
#include "cors.h"

#include <sluice/str.h>

#define RESPOND(name, value) sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR(name), (value))

bool cors_is_preflight(sluice_exchange *x)
{
	sluice_str method = sluice_get(x, SLUICE_I_METHOD);
	return sluice_str_is(method, "OPTIONS") &&
		sluice_field(x, SLUICE_REQUEST, SLUICE_STR("origin")).data &&
		sluice_field(x, SLUICE_REQUEST, SLUICE_STR("access-control-request-method")).data;
}

/* Origins are compared byte by byte, as browsers write them: lower case, without a default port
 * (RFC 6454 6.2). */
static bool origin_is_allowed(const struct grpc_web *w, sluice_str origin)
{
	const sluice_strs *v = &w->origins;
	return w->any_origin || sluice_str_find(origin, v->v, v->n) < v->n;
}

void cors_allow(sluice_exchange *x, const struct grpc_web *w)
{
	sluice_str origin = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("origin"));
	if (!w->any_origin && w->origins.n)
		sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("vary"), SLUICE_STR("Origin"));
	if (!origin.data || !origin_is_allowed(w, origin))
		return;
	RESPOND("access-control-allow-origin", w->any_origin ? SLUICE_STR("*") : origin);
	if (w->credentials)
		RESPOND("access-control-allow-credentials", SLUICE_STR("true"));
	RESPOND("access-control-expose-headers", w->expose_headers);
}

sluice_verdict cors_preflight(sluice_exchange *x, const struct grpc_web *w)
{
	sluice_str origin = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("origin"));
	if (!origin_is_allowed(w, origin))
		return sluice_refuse(x, 403, "origin-refused",
			"Pages of this origin may not call this service.");
	cors_allow(x, w);
	RESPOND("access-control-allow-methods", SLUICE_STR("POST"));
	RESPOND("access-control-allow-headers", w->allow_headers);
	RESPOND("access-control-max-age", w->age);
	return sluice_reply(x, 204, SLUICE_STR(""), SLUICE_STR(""));
}
