/*
 * Reads the record of a module that was built with another header of the same ABI. The host works
 * on a copy of its own layout. What an older header did not have is zero in the copy. What a newer
 * header has and this gateway does not must be zero in the record: then the module does not use it.
 * Main thread.
 */
#ifndef POLICY_RECORD_H
#define POLICY_RECORD_H

#include "base/arena.h"

enum { RECORD_WHY = 512 };

/* Copy the module's record to *out, and its option tables into a where their rows have another
 * size. False, and a sentence in why, when the record cannot be read. */
must_use bool record_read(const sluice_plugin *r, struct arena *a, sluice_plugin *out,
	char why[RECORD_WHY]);

#endif
