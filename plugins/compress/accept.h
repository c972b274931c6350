/* Accept-Encoding: which content codings a client takes (RFC 9110 12.5.3). */
#ifndef PLUGINS_COMPRESS_ACCEPT_H
#define PLUGINS_COMPRESS_ACCEPT_H

#include "coder.h"

/* Weights, as of plugins/shared/weight.h; 0: the client does not take it. All zero, but for
 * identity: a client that says nothing. */
struct accept {
	uint16_t coding[CODINGS];
	uint16_t identity;
};

/* value: the value of the field, of several lines joined by commas. */
struct accept accept_read(sluice_str value);

/* The codings of order that the client likes at least as well as no coding at all: those of greater
 * weight first, and of the same weight in the order of `order`. Returns how many. */
size_t accept_choose(const struct accept *a, const struct coder_ops *const *order, size_t n,
	const struct coder_ops *out[CODINGS]);

#endif
