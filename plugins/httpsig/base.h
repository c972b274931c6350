/*
 * The signature base (RFC 9421 2.5): what is signed, written for a request and the list of what a
 * signature covers. Any thread.
 */
#ifndef HTTPSIG_BASE_H
#define HTTPSIG_BASE_H

#include "message.h"
#include "sf.h"

enum {
	BASE_MAX = 64 * 1024,    /* bytes of a base that are enough */
	BASE_SCRATCH = 32 * 1024 /* and of what it is made with */
};

enum base_result {
	BASE_OK,
	BASE_MALFORMED,   /* a component is there twice, or its parameters cannot be */
	BASE_UNSUPPORTED, /* a component that this implementation does not know */
	BASE_ABSENT,      /* the request has no such field or parameter, or several */
	BASE_TOO_LONG
};

/* Write it behind what is in out. scratch: working memory. */
enum base_result base_write(struct text *out, struct text *scratch, const struct sig_message *m,
	const struct sf_list *covers);
/* Whether the message has the component, which is not malformed. Writes its value to out. */
enum base_result base_component(struct text *out, struct text *scratch, const struct sig_message *m,
	const struct sf_item *component);

#endif
