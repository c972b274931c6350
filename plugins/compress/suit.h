/* Which responses are compressed, and how their heads change (RFC 9110 8.4, 8.8.1, 12.5.5). */
#ifndef PLUGINS_COMPRESS_SUIT_H
#define PLUGINS_COMPRESS_SUIT_H

#include "conf.h"

/* What matters of a response's head, beside its type and length. */
struct suit_head {
	sluice_str etag;
	bool is_encoded; /* it has a content coding, or fields that hold for its bytes as they are
			  */
	bool is_partial;
	bool is_sealed; /* no-transform */
	bool varies;    /* Vary names Accept-Encoding already */
};

/* Whether types names the media type of a Content-Type. Never for gRPC, whose messages are
 * compressed by its own means. */
bool suit_is_type(sluice_strs types, sluice_str content_type);
/* Why a text cannot be in types, as the rest of a sentence; NULL: it can. */
const char *suit_type_refused(sluice_str type);
struct suit_head suit_read(sluice_exchange *x);
bool suit_has_no_transform(sluice_str cache_control);

/* Vary: Accept-Encoding, unless it is there. */
void suit_vary(sluice_exchange *x, const struct suit_head *h);
/* A strong ETag becomes weak. False: the exchange's memory is spent. */
bool suit_weaken(sluice_exchange *x, sluice_str etag);
/* Whether If-None-Match has the tag in its weak form. */
bool suit_asks_weak(sluice_exchange *x, sluice_str etag);

#endif
