/* SHA-1 (FIPS 180-4), for the names by which Redis knows scripts; nothing here relies on its strength. */
#ifndef REDIS_SHA1_H
#define REDIS_SHA1_H

#include "base/str.h"

enum { SHA1_HEX = 40 };

/* Lower-case hexadecimal digest, NUL-terminated. */
void sha1_hex(sluice_str text, char out[SHA1_HEX + 1]);

#endif
