/* Binds the value of one option to its field: one function for each type. For config/bind. Main
 * thread. */
#ifndef CONFIG_BIND_VALUE_H
#define CONFIG_BIND_VALUE_H

#include "config/bind.h"

/* Bind the value in the file. at: the field. 0, or -1 when a mistake was reported; then the field
 * is unchanged or, for collections, filled in part. */
must_use int bind_value(struct bind *b, const sluice_option *o, const struct node *n, void *at);
/* Bind the default of a row, of any type but BLOCK, LIST, MAP and NODE. block: the block without
 * the option. */
must_use int bind_default(struct bind *b, const sluice_option *o, const struct node *block,
	void *at);

#endif
