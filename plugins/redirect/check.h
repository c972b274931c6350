/* The check of the options of redirect. Main thread. */
#ifndef REDIRECT_CHECK_H
#define REDIRECT_CHECK_H

#include "conf.h"

extern const char *const redirect_statuses[]; /* choices of `status` */

/* check() of the plugin's record. */
int redirect_check(sluice_instance *inst, void *conf);

#endif
