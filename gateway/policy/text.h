/* A node of the configuration as one text, so that equal texts mean equal configurations. Main
 * thread. */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include "base/arena.h"
#include "config/tree.h"

/* Keys in the order of the alphabet, each value with its length; what the environment filled in is
 * in it. */
sluice_str node_text(const struct node *n, struct arena *a);

#endif
