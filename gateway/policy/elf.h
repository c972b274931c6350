/*
 * A look at a shared object before the dynamic linker maps it: a file that ends before what its
 * headers promise, as one that is still being copied does, would kill the process (SIGBUS) at the
 * first touch of a missing page. Any thread.
 */
#ifndef POLICY_ELF_H
#define POLICY_ELF_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/check.h"

/* NULL when it is a whole shared object for this machine, else what is wrong. st: of the file that
 * was looked at. Never blocks on a pipe or a device. */
must_use const char *elf_look(const char *path, struct stat *st);

#endif
