/* The accounts of an instance, from its options and its files. Main thread. */
#ifndef PLUGINS_BASIC_AUTH_FILES_H
#define PLUGINS_BASIC_AUTH_FILES_H

#include "accounts.h"
#include "conf.h"

/* In check(): read the files and publish the accounts. Mistakes are reported. */
int files_check(sluice_instance *inst, struct basic_auth *b);
/* In start(): watch the files, where there are any. */
void files_start(sluice_instance *inst, const struct basic_auth *b);
void files_fini(struct basic_auth *b);

#endif
