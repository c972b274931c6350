/* Codes of refusals and notes. The gateway keeps them as they are given, for as long as it runs, so
 * that those of scripts are kept here, each once. Any thread. */
#ifndef PLUGINS_LUA_CODES_H
#define PLUGINS_LUA_CODES_H

#include <sluice/str.h>

enum { CODE_MAX = 64, CODES_MAX = 256 };

/* NULL: it is no code (1 to 64 bytes of a-z, 0-9 and -), or there are too many. */
const char *code_keep(sluice_str code);

#endif
