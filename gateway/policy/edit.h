/*
 * Changes to header fields that plugins ask for. Each is checked first. Changes to a response that
 * has not come yet are kept and made when it comes.
 */
#ifndef POLICY_EDIT_H
#define POLICY_EDIT_H

#include "policy/run.h"

struct run_edit;

/* Why a change is refused: the rest of a sentence; NULL: it is allowed. Any thread. */
const char *edit_refused(sluice_side side, sluice_field_op op, sluice_str name, sluice_str value);
void edit_field(sluice_exchange *x, sluice_side side, sluice_field_op op, sluice_str name,
	sluice_str value);
/* Why the value cannot be the host of a request: the rest of a sentence; NULL: it can. */
const char *edit_host_refused(sluice_str value);
/* Set the host of the request. value lies in x's memory. */
void edit_host(sluice_exchange *x, sluice_str value);
/* Whether a plugin set or removed a field of that name in the request, or of one that is alike
 * (sluice_names_alike()). */
bool edit_has(const sluice_exchange *x, sluice_str name);
/* The exchange has a response: make the changes that were asked for before. Called again for each
 * response that replaces another. */
void edit_apply(sluice_exchange *x);
/* The changes to a coming response that the plugin at that place asked for, which are not made; and
 * to have them made after all. */
struct run_edit *edit_withdraw(sluice_exchange *x, uint32_t at);
void edit_return(sluice_exchange *x, struct run_edit *v);
/* The next of these that gives a field a value. False: there is none. */
bool edit_next(const struct run_edit **v, sluice_str *name, sluice_str *value);
/* The last of these that takes away what the field had before, be it to give it a value; NULL: none
 * does. */
const struct run_edit *edit_last_clear(const struct run_edit *v, sluice_str name);
/* These without those of the field. */
struct run_edit *edit_without(struct run_edit *v, sluice_str name);
/* Change a coming response, in the name of the plugin at that place. The texts lie in x's memory or
 * live for ever. */
void edit_later(sluice_exchange *x, uint32_t by, sluice_field_op op, sluice_str name,
	sluice_str value);
/* Remove a field of the request, in the gateway's own name. */
void edit_take_away(sluice_exchange *x, sluice_str name);
/* The same for a cookie. */
void edit_take_cookie(sluice_exchange *x, sluice_str name);
/* The plugin has failed: changes to a coming response that it asked for are dropped, so that the
 * 500 that follows has none of them. at: its index in the chain. */
void edit_forget(sluice_exchange *x, uint32_t at);

#endif
