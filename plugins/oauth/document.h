/*
 * The answer of a fetch that asked for a JSON document: whether it is one that may be read, and for
 * how long it says that it is current. What it looks at comes from the network. Any thread.
 */
#ifndef OAUTH_DOCUMENT_H
#define OAUTH_DOCUMENT_H

#include <sluice/str.h>

enum { DOCUMENT_WHY = 160 };

/* of a lifetime: the answer does not say */
#define DOCUMENT_UNTOLD UINT64_MAX

/* What is wrong, as the rest of a sentence; text is room for it. NULL: its body may be read. */
const char *document_refused(const sluice_fetch_response *r, char text[DOCUMENT_WHY]);
/* Whether its body is as it was written: of no content coding, or of `identity`. */
bool document_is_plain(const sluice_fetch_response *r);
/* Whether it has that media type, with any parameters. */
bool document_has_type(const sluice_fetch_response *r, sluice_str type);
/*
 * For how many milliseconds it is current from now on: max-age of Cache-Control, or Expires, less
 * its age (RFC 9111 4.2). DOCUMENT_UNTOLD also where it says "not at all" (no-store, no-cache,
 * max-age=0): that is about caches on the way, and many servers say it of their keys by habit.
 */
uint64_t document_lifetime(const sluice_fetch_response *r, uint64_t unix_ms);

#endif
