/*
 * Identities: what plugins that authenticate clients say of a request. Worker's thread. For the
 * host table; the contracts are those of the public header.
 */
#ifndef POLICY_IDENTITY_H
#define POLICY_IDENTITY_H

#include "policy/run.h"

bool identity_set(sluice_exchange *x, const sluice_identity *who);
void identity_absent(sluice_exchange *x);

#endif
