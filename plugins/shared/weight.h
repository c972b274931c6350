/*
 * Weights of what a client prefers: ";q=0.5" in Accept, Accept-Encoding and Accept-Language
 * (RFC 9110 12.4.2). Compiled into each module that needs it. Any thread.
 */
#ifndef PLUGINS_SHARED_WEIGHT_H
#define PLUGINS_SHARED_WEIGHT_H

#include <sluice/str.h>

enum { WEIGHT_ONE = 1000 }; /* the weight of q=1 */

/* The weight among the parameters of a member of a list, 0 to WEIGHT_ONE; WEIGHT_ONE where there is
 * none. What is no weight counts as 0, because a client that is misread had better get what it did
 * not have to ask for. */
uint16_t weight_of(sluice_str parameters);

#endif
