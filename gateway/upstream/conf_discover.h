/* The `discover:` block of an upstream: what finds its servers in the place of a list. Main
 * thread. */
#ifndef UPSTREAM_CONF_DISCOVER_H
#define UPSTREAM_CONF_DISCOVER_H

#include "config/bind.h"

/* At most one of them has a text; none: nothing finds servers. */
struct upstream_discover {
	sluice_str srv;    /* name with SRV records */
	sluice_str file;   /* path, absolute once it was checked */
	sluice_str plugin; /* name of an instance */
};

extern const sluice_option discover_options[];

/* Check the block; given: it stands in the file. The file, if one is named, is read, and what is
 * wrong in it is a warning: it may be another program that writes it, later. 0, or -1 when a
 * mistake was reported. */
must_use int discover_conf_check(struct bind *b, struct upstream_discover *conf, bool given);

#endif
