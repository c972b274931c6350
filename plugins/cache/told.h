/*
 * What a request's fields tell of the address that the client called: scheme, host, port, path. The
 * gateway takes such fields away from strangers; those that are left come from trusted proxies, or
 * are kept by the listener (forwarded.keep), and go on to the upstream, which may make links of
 * them, or serve another page. So they belong to the key. Looks at texts alone, and knows no
 * exchange.
 */
#ifndef CACHE_TOLD_H
#define CACHE_TOLD_H

#include <sluice/plugin.h>
#include <sluice/str.h>

enum told {
	TOLD_NOTHING = 0,
	TOLD_ADDRESS,  /* all of the value */
	TOLD_FORWARDED /* Forwarded (RFC 7239): of each element what is not its client or proxy */
};

/* What a field of that name tells. */
enum told told_by(sluice_str name);

/* Take the next part of the value of Forwarded that tells of the address; false: there is none
 * left. Parts that tell nodes ("for", "by") are left out; what ends an element stays. A value with
 * escapes, or in which a quoted string holds a separator, is one part. *rest begins as the value.
 */
bool told_next(sluice_str *rest, sluice_str *part);

#endif
