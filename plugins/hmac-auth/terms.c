/* What a signature has to cover and to say. */
#include "terms.h"

enum { MS = 1000 };

/* A query that the request does not have was not added by anybody, so nobody has to cover it. */
static bool covers_target(const struct sig_input *in, bool has_query)
{
	return input_covers(in, SLUICE_STR("@target-uri")) ||
		input_covers(in, SLUICE_STR("@request-target")) ||
		(input_covers(in, SLUICE_STR("@path")) &&
			(!has_query || input_covers(in, SLUICE_STR("@query"))));
}

static bool covers(const struct sig_input *in, sluice_str component, bool has_query)
{
	if (input_covers(in, component))
		return true;
	if (sluice_str_is(component, "@target-uri") || sluice_str_is(component, "@request-target"))
		return covers_target(in, has_query);
	if (sluice_str_is(component, "@authority") || sluice_str_is(component, "@scheme"))
		return input_covers(in, SLUICE_STR("@target-uri"));
	if (sluice_str_is(component, "@path") || sluice_str_is(component, "@query"))
		return input_covers(in, SLUICE_STR("@target-uri")) ||
			input_covers(in, SLUICE_STR("@request-target"));
	return false;
}

/* Times are 15 digits at most, so that none of this overflows. */
static bool is_current(const struct hmac_auth *h, const struct sig_input *in, int64_t now_ms)
{
	int64_t leeway = (int64_t)h->leeway;
	if (in->given & INPUT_CREATED) {
		int64_t created = in->created * MS;
		if (created > now_ms + leeway || created + (int64_t)h->max_age + leeway < now_ms)
			return false;
	}
	return !(in->given & INPUT_EXPIRES) || in->expires * MS + leeway > now_ms;
}

enum reason terms_check(const struct hmac_auth *h, const struct sig_input *in, bool has_query,
	uint64_t now_ms)
{
	if ((h->parameters & in->given) != h->parameters)
		return REASON_COVERS;
	for (size_t i = 0; i < h->components.n; i++) {
		if (!covers(in, h->components.v[i], has_query))
			return REASON_COVERS;
	}
	return is_current(h, in, (int64_t)now_ms) ? REASON_NONE : REASON_EXPIRED;
}

uint64_t terms_last(const struct hmac_auth *h, const struct sig_input *in, uint64_t now_ms)
{
	uint64_t until = UINT64_MAX;
	if (in->given & INPUT_CREATED)
		until = (uint64_t)in->created * MS + h->max_age + h->leeway;
	if ((in->given & INPUT_EXPIRES) && (uint64_t)in->expires * MS + h->leeway < until)
		until = (uint64_t)in->expires * MS + h->leeway;
	return until - now_ms + 1;
}
