/* The values of single options into a struct: one function for each type of option. Used by
 * config/bind. Main thread. */
#ifndef CONFIG_BIND_VALUE_H
#define CONFIG_BIND_VALUE_H

#include "config/bind.h"

/* Bind what the file gave. at: the field. 0, or -1 when a mistake was reported; the field is then
 * untouched or, for collections, filled in part. */
must_use int bind_value(struct bind *b, const sluice_option *o, const struct node *n, void *at);
/* Bind the default of a row, of any type but BLOCK, LIST, MAP and NODE. block: where the option was
 * left out. */
must_use int bind_default(struct bind *b, const sluice_option *o, const struct node *block,
	void *at);

#endif
