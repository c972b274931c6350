/* The options of ext-auth: what a table cannot say about them. Main thread. */
#ifndef PLUGINS_EXT_AUTH_CHECK_H
#define PLUGINS_EXT_AUTH_CHECK_H

#include "conf.h"

/* 0, or -1 when a mistake was reported. */
int check_options(sluice_instance *inst, struct ext_auth *c);

#endif
