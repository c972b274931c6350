/*
 * Who asked. A client's word about that counts for nothing: what it says is taken away before
 * anybody looks, and Sluice writes its own. A trusted proxy (trusted_proxies of the listener) is
 * believed about the client.
 */
#ifndef PROXY_FORWARDED_FIELDS_H
#define PROXY_FORWARDED_FIELDS_H

#include "proxy/fields.h"

/* The first look at a request. Fields that nobody is to see go: what Connection names, what only a
 * trusted proxy may say and a stranger says, and what could be taken for it. Hop-by-hop fields are
 * marked as dropped. */
void forwarded_clean(struct exchange *x);
/* Find out who the client is and how it asked, where trusted proxies may tell. */
void forwarded_identify(struct exchange *x);
/* Whether a proxy spoke for the client. */
bool forwarded_is_told(const struct exchange *x);
/* A PROXY header that names the client, in the arena; empty when its budget is spent. */
sluice_str forwarded_proxy_header(struct exchange *x, int version);

/* The lines that say who asked, at most FORWARDED_LINES of them, of forwarded_size() bytes. What
 * the head says of it by now is dropped or kept. */
enum { FORWARDED_LINES = 5 };
size_t forwarded_size(const struct exchange *x);
void forwarded_write(struct exchange *x, struct line_writer *w);

#endif
