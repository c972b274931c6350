/*
 * Changes to header fields that plugins ask for, checked before they are believed. Changes to a
 * response that is not there yet are kept and made when it is.
 */
#ifndef POLICY_EDIT_H
#define POLICY_EDIT_H

#include "policy/run.h"

/* Why a change is not made: the rest of a sentence; NULL: it is. Any thread. */
const char *edit_refused(sluice_side side, sluice_field_op op, sluice_str name, sluice_str value);
void edit_field(sluice_exchange *x, sluice_side side, sluice_field_op op, sluice_str name,
	sluice_str value);
/* Why the value cannot be the host that a request is sent for: the rest of a sentence; NULL: it
 * can.
 */
const char *edit_host_refused(sluice_str value);
/* The request is sent for that host, in x's memory. */
void edit_host(sluice_exchange *x, sluice_str value);
/* Whether a plugin set or removed a field of that name, or one that many take for it, in the
 * request. */
bool edit_has(const sluice_exchange *x, sluice_str name);
/* A response is there: make what was asked for before there was one. Again for each that takes its
 * place. */
void edit_apply(sluice_exchange *x);

#endif
