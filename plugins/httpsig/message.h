/*
 * A request as signatures see it (RFC 9421 2), and the values of its fields. It is filled from an
 * exchange, or by a test. Any thread.
 */
#ifndef HTTPSIG_MESSAGE_H
#define HTTPSIG_MESSAGE_H

#include "text.h"

struct sig_message {
	/* the URL as the signer knows it; the path is not empty, and the query has no '?' and data
	 * NULL where there is none */
	sluice_str method, scheme, authority, path, query;
	/* walks the fields, as sluice_field_next() */
	bool (*next)(void *ctx, size_t *at, sluice_pair *out);
	void *ctx;
};

/* Write the value of a field: all its lines, trimmed, with ", " between them (RFC 9421 2.1), and
 * "; " between those of Cookie, which HTTP/2 cuts (RFC 9113 8.2.3). False: there is none. */
bool message_put_field(struct text *t, const struct sig_message *m, sluice_str name);
/* The value of a field: of a single line as it is, of several in scratch. *n is how many lines
 * there are. */
sluice_str message_field(struct text *scratch, const struct sig_message *m, sluice_str name,
	size_t *n);

/* That of an exchange, by the URL of that scheme and authority. */
void message_of(struct sig_message *m, sluice_exchange *x, sluice_str scheme, sluice_str authority);

/* Whether the head of a request says that there is a body. Most say nothing that can be relied on:
 * HTTP/2 need not, plugins do not see Transfer-Encoding, nor Content-Length where the client names
 * it in Connection. */
enum message_body { MESSAGE_NO_BODY, MESSAGE_BODY, MESSAGE_UNTOLD };
enum message_body message_body(sluice_exchange *x);

#endif
