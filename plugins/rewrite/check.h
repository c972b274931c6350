/* The check of the options of rewrite. Main thread. */
#ifndef REWRITE_CHECK_H
#define REWRITE_CHECK_H

#include "conf.h"

/* check() and stop() of the plugin's record. */
int rewrite_check(sluice_instance *inst, void *conf);
void rewrite_stop(sluice_instance *inst, void *conf);

#endif
