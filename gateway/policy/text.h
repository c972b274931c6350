/* A node of the configuration as one canonical text: equal texts mean equal configurations. Main
 * thread. */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include "base/arena.h"
#include "config/tree.h"

/* Keys in alphabetical order, each value with its length. Values from the environment are
 * included. */
sluice_str node_text(const struct node *n, struct arena *a);

#endif
