/*
 * The body of an answer that a plugin lends: it is sent from where it lies, and given back when the
 * last byte has left, or nobody wants it any more. Worker's thread.
 */
#ifndef POLICY_LENT_H
#define POLICY_LENT_H

#include <sluice/plugin.h>

#include "net/buf.h"

struct lent;

/* The running plugin of x lends bytes. They are given back when nothing refers to them any more;
 * the caller has the first reference. The plugin stays loaded and configured until then. */
struct lent *lent_new(sluice_exchange *x, void (*release)(void *arg), void *arg);
/* The reference is given up; l may be NULL. *l becomes NULL. */
void lent_drop(struct lent **l);
/* Queue the bytes, and give the reference up. */
void lent_move(struct lent **l, struct buf *to, sluice_str bytes);

#endif
