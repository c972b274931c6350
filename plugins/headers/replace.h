/* Values of fields that are changed by regular expressions. */
#ifndef HEADERS_REPLACE_H
#define HEADERS_REPLACE_H

#include "conf.h"

/* In check(). block: "request" or "response". -1: mistakes were reported. */
int replace_check(sluice_instance *inst, const char *block, sluice_side which, struct side *s);
/* Of an instance that check() has seen, also where it reported mistakes. */
void replace_fini(struct side *s);

/* Change the message. SLUICE_FAIL: an expression needs too much work, or there is no memory. */
sluice_verdict replace_values(sluice_exchange *x, sluice_side which, const struct side *s);

#endif
