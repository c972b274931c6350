/* Paths of requests, in the form in which the gateway shows them (SLUICE_I_PATH). Any thread. */
#ifndef PLUGINS_SHARED_PATH_H
#define PLUGINS_SHARED_PATH_H

#include <sluice/str.h>

/* Whether sluice_target_set() takes the path: it begins with '/', has no empty segment but the
 * last, no dot segment, nothing that a server could take for one ("..%2Fb", "..;a"), and escapes
 * only where they are needed, with upper-case digits. */
bool path_is_normal(sluice_str path);

/* Whether path is prefix, or begins with prefix and '/'. prefix: without '/' at its end. */
bool path_is_under(sluice_str path, sluice_str prefix);

/* path without the slashes at its end: empty for "/". */
sluice_str path_trim_end(sluice_str path);

#endif
