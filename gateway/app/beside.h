/* Files that are found by where the program lies. Main thread. */
#ifndef APP_BESIDE_H
#define APP_BESIDE_H

#include <stdbool.h>

enum { BESIDE_PATH = 4096 };

/* The path of a file relative to the program's folder, in path of BESIDE_PATH bytes. False: it is
 * not known, or too long. */
bool beside_program(char *path, const char *relative);

#endif
