/*
 * A file with a list of servers, as another program may write it: in JSON or YAML, each server as
 * in `servers` of the configuration. Size, depth and number are bounded. Main thread.
 */
#ifndef UPSTREAM_SERVERS_FILE_H
#define UPSTREAM_SERVERS_FILE_H

#include "config/diag.h"
#include "upstream/discovered.h"

enum { SERVERS_FILE_MAX = 2 << 20 };

/* The servers; NULL when there is a mistake, and d says where. */
struct server_set *servers_file_read(const char *path, struct diag *d);
/* The same of a text; name: the file, for messages. */
struct server_set *servers_file_parse(const char *name, sluice_str text, struct diag *d);

#endif
