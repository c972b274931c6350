/* For commands that look at a configuration of which nothing starts. Main thread. */
#ifndef APP_COMMAND_CONFIG_H
#define APP_COMMAND_CONFIG_H

#include "app/command.h"
#include "config/diag.h"
#include "policy/instance.h"

struct snapshot;
struct tls_tickets;

struct command_config {
	struct policy policy;
	struct tls_tickets *tickets; /* owned */
	struct diag diag;            /* owned: mistakes and warnings */
	struct snapshot *snap;       /* owned; NULL: it has mistakes */
};

/* To be released by command_unload(), whatever comes of it. */
void command_load(const struct command *c, struct command_config *l);
void command_unload(struct command_config *l);

#endif
