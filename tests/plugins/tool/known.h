/*
 * What the gateway knows of a request, by the names that scripts use for it: facts as in a
 * configuration (policy/fact.def), and the numbers of sluice_number().
 */
#ifndef TOOL_KNOWN_H
#define TOOL_KNOWN_H

#include "base/str.h"

/* The enum sluice_info of a fact; -1: plugins cannot read it by sluice_get(), or it is none. */
int known_info(sluice_str name);
/* Whether it is part of what the client sends: a script says it in `request`. */
bool known_is_of_request(sluice_str name);
/* Whether it is known only when there is a response. */
bool known_is_of_response(sluice_str name);

/* The enum sluice_number_id; -1: there is none of that name. */
int known_number(sluice_str name);
/* All of their names, joined by ", ". */
extern const char known_numbers[];

#endif
