/*
 * security-headers: tells browsers by response fields what they may do with a response, and removes
 * fields that tell of the software behind. conf.c makes the values when the configuration is read;
 * here they are written, on responses of upstreams and of the gateway itself.
 */
#include <sluice/str.h>

#include "conf.h"
#include "policy_text.h"

/* The bit of a policy that is there and says who may frame the page. */
enum { FRAMES_SAID = 1 << FIELD_COUNT };

static bool is_removed(const struct security *s, sluice_str name)
{
	for (size_t i = 0; i < s->remove.n; i++) {
		if (sluice_str_ieq(name, s->remove.v[i]))
			return true;
	}
	return false;
}

/* The bit of a field; 0 of any other. */
static unsigned bit_of(sluice_str name)
{
	for (unsigned w = 0; w < FIELD_COUNT; w++) {
		if (sluice_str_ieq(name, security_names[w]))
			return 1U << w;
	}
	return 0;
}

/* Remove what tells of the software. Returns the bits of the fields that are there. */
static unsigned look(sluice_exchange *x, const struct security *s)
{
	sluice_pair f;
	unsigned there = 0;
	for (size_t i = 0; sluice_field_next(x, SLUICE_RESPONSE, &i, &f);) {
		unsigned bit = bit_of(f.name);
		if (is_removed(s, f.name))
			sluice_field_remove(x, SLUICE_RESPONSE, f.name);
		else
			there |= bit;
		if (bit == 1U << FIELD_CSP &&
			policy_text_directive(f.value, "frame-ancestors").data)
			there |= FRAMES_SAID;
	}
	return there;
}

/* Who may frame a page is said by one side alone. Where the response says it by X-Frame-Options, a
 * frame-ancestors of ours would overrule it, because browsers ignore that field then; and where it
 * has a frame-ancestors, our X-Frame-Options would say something else to old browsers. */
static sluice_str value_of(const struct security *s, unsigned w, unsigned there)
{
	bool keep = s->upstream_fields == THEIRS_KEEP;
	if (keep && w == FIELD_CSP && there & 1U << FIELD_FRAME)
		return s->csp_without_frames;
	if (keep && w == FIELD_FRAME && there & FRAMES_SAID)
		return SLUICE_STR("");
	return s->values[w];
}

static sluice_verdict security_on_response(sluice_exchange *x, const void *conf)
{
	const struct security *s = conf;
	unsigned there = look(x, s);
	for (unsigned w = 0; w < FIELD_COUNT; w++) {
		bool is_there = there & 1U << w;
		sluice_str value = value_of(s, w, there);
		if (!value.len || (is_there && s->upstream_fields == THEIRS_KEEP))
			continue;
		/* RFC 6797 7.2: not over http */
		if (w == FIELD_HSTS && !sluice_str_is(sluice_get(x, SLUICE_I_SCHEME), "https")) {
			if (is_there)
				sluice_field_remove(x, SLUICE_RESPONSE, security_names[w]);
		} else if (is_there)
			sluice_field_set(x, SLUICE_RESPONSE, security_names[w], value);
		else
			sluice_field_add(x, SLUICE_RESPONSE, security_names[w], value);
	}
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("security-headers", .version = "1.0",
	.summary = "tells browsers what they may do with responses, and hides the software behind",
	.options = security_options, .conf_size = sizeof(struct security), .check = security_check,
	.on_response = security_on_response);
