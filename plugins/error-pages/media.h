/* Accept: how much a client likes a media type (RFC 9110 12.5.1). */
#ifndef PLUGINS_ERROR_PAGES_MEDIA_H
#define PLUGINS_ERROR_PAGES_MEDIA_H

#include <sluice/str.h>

/* The weight of a media type without parameters, 0 to WEIGHT_ONE, by the range of accept that fits
 * it best; 0: none does. An accept that is empty likes all alike. Parameters of ranges, other than
 * the weight, are not looked at. */
uint16_t media_weight(sluice_str accept, sluice_str media);

/* The media type of a Content-Type, without its parameters. */
sluice_str media_of(sluice_str content_type);

#endif
