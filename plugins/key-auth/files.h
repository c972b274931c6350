/* The keys of an instance that its options and its file name. Main thread. */
#ifndef PLUGINS_KEY_AUTH_FILES_H
#define PLUGINS_KEY_AUTH_FILES_H

#include "conf.h"

/* In check(): read the file and publish the keys. Mistakes are reported. */
int files_check(sluice_instance *inst, struct key_auth *k);
/* In start(): watch the file, where there is one. */
void files_start(sluice_instance *inst, const struct key_auth *k);

#endif
