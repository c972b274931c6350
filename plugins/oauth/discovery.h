/*
 * The document in which an authorization server says of itself where its keys and endpoints are:
 * OpenID Connect Discovery 1.0, and RFC 8414. No network, no state. Any thread.
 */
#ifndef OAUTH_DISCOVERY_H
#define OAUTH_DISCOVERY_H

#include <jansson.h>
#include <sluice/str.h>

/* In which of the two the document is found; the order in which they are tried. */
enum discovery_way { DISCOVERY_OPENID, DISCOVERY_OAUTH, DISCOVERY_WAYS };

enum { DISCOVERY_MAX = 256 * 1024 }; /* bytes of a document */

/* Whether the issuer is a URL that documents can be found from: http or https, with a host and
 * without query and fragment (RFC 8414 2). */
bool discovery_is_possible(sluice_str issuer);
/* Where the document of an issuer is, for which discovery_is_possible(). On the heap, for the
 * caller to free; NULL: no memory. */
char *discovery_url(sluice_str issuer, enum discovery_way way);
/*
 * Read a document, which must name exactly the issuer that it was fetched for. On success NULL, and
 * *out is the document, which the caller releases. Else a sentence that says what is wrong.
 */
const char *discovery_read(sluice_str document, sluice_str issuer, json_t **out);
/* The member as a URL; it is https if the issuer is. NULL, or what is wrong with it: the rest of a
 * sentence that begins with "its NAME ". A member that is missing is wrong. *out is borrowed from
 * the document. */
const char *discovery_endpoint(const json_t *document, const char *name, sluice_str *out);

#endif
