/* The Priority field of a request (RFC 9218 4): how urgent a response is, and whether it is of use
 * in pieces. Any thread. */
#ifndef HTTP_PRIORITY_H
#define HTTP_PRIORITY_H

#include "base/str.h"

struct priority {
	uint8_t urgency; /* 0, most urgent, to 7 */
	bool incremental;
};
#define PRIORITY_DEFAULT ((struct priority){ .urgency = 3 })

/* Parse a dictionary of structured fields (RFC 8941 3.2): `u` and `i` are used, other members are
 * skipped, and the last of several wins. False, and the default, when it is malformed. */
bool priority_parse(sluice_str value, struct priority *out);

#endif
