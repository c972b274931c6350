/* See media.h. */
#include "media.h"

#include "../shared/weight.h"

enum fit { FIT_NONE, FIT_ANY, FIT_TYPE, FIT_EXACT }; /* the greater, the better */

static enum fit range_fits(sluice_str range, sluice_str media)
{
	sluice_str subtype = range, type = sluice_str_cut(&subtype, '/');
	sluice_str rest = media, main = sluice_str_cut(&rest, '/');
	if (sluice_str_ieq(range, media))
		return FIT_EXACT;
	if (!sluice_str_is(subtype, "*"))
		return FIT_NONE;
	if (sluice_str_is(type, "*"))
		return FIT_ANY;
	return sluice_str_ieq(type, main) ? FIT_TYPE : FIT_NONE;
}

uint16_t media_weight(sluice_str accept, sluice_str media)
{
	enum fit best = FIT_NONE;
	uint16_t weight = 0;
	if (sluice_str_trim(accept).len == 0)
		return WEIGHT_ONE;
	while (accept.len) {
		sluice_str parameters = sluice_str_cut(&accept, ',');
		sluice_str range = sluice_str_trim(sluice_str_cut(&parameters, ';'));
		enum fit fit = range_fits(range, media);
		uint16_t w = fit > FIT_NONE && fit >= best ? weight_of(parameters) : 0;
		/* of two that fit alike, the one that likes it more */
		if (fit > best || (fit == best && w > weight)) {
			best = fit;
			weight = w;
		}
	}
	return weight;
}

sluice_str media_of(sluice_str content_type)
{
	return sluice_str_trim(sluice_str_cut(&content_type, ';'));
}
