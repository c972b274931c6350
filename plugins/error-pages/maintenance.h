/* Maintenance: 503 for everybody but some. */
#ifndef PLUGINS_ERROR_PAGES_MAINTENANCE_H
#define PLUGINS_ERROR_PAGES_MAINTENANCE_H

#include "conf.h"

int maintenance_check(sluice_instance *inst, struct error_pages *p);
/* Begin to look for the file that switches it on. */
void maintenance_start(sluice_instance *inst, const struct error_pages *p);
/* Whether it is on, and this request is no exception. */
bool maintenance_refuses(sluice_exchange *x, const struct maintenance *m);

#endif
