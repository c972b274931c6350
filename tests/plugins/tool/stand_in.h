/* What answers in the place of servers: fetches and Redis stores, as a case says. */
#ifndef TOOL_STAND_IN_H
#define TOOL_STAND_IN_H

#include "script.h"

/* The stores of the script. c: what they reply; NULL: nothing is asked. */
void stand_in_stores(const struct script *s, const struct script_case *c);
void stand_in_fetches(const struct script_case *c);

#endif
