/*
 * Checks a shared object before the dynamic linker maps it. A file that is shorter than its headers
 * say, such as one that is still being copied, would kill the process (SIGBUS) at the first access
 * to a missing page. Any thread.
 */
#ifndef POLICY_ELF_H
#define POLICY_ELF_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/check.h"

/* NULL when the file is a whole shared object for this machine, else what is wrong. st: of the file
 * that was checked. Never blocks on a pipe or a device. */
must_use const char *elf_look(const char *path, struct stat *st);

#endif
