/* The keys of an instance that its options and its file name. Main thread. */
#ifndef PLUGINS_HMAC_AUTH_FILES_H
#define PLUGINS_HMAC_AUTH_FILES_H

#include "conf.h"

/* In check(): read the files and publish the keys. Mistakes are reported. */
int files_check(sluice_instance *inst, struct hmac_auth *h);
/* In start(): watch the file, where there is one. */
void files_start(sluice_instance *inst, const struct hmac_auth *h);

#endif
