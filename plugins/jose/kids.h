/* The index of a key set by kid. */
#ifndef JOSE_KIDS_H
#define JOSE_KIDS_H

#include "keys.h"

/* Make set->by_kid, once, when all keys are read. False: no memory. */
bool kids_index(struct keyset *set);

#endif
