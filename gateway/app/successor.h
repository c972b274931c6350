/*
 * USR2: the program at the same path, which may be a newer one, is started with the same arguments
 * and gets duplicates of all listening sockets. While it starts this process serves on. When it
 * serves, it says so through a pipe, and this process drains; when it cannot start, this process
 * stays. Both have the same sockets meanwhile, so no connection is refused or lost in a queue. Main
 * thread.
 */
#ifndef APP_SUCCESSOR_H
#define APP_SUCCESSOR_H

#include "admin/admin.h"

struct process;

/* ---- the process that goes ----------------------------------------------------------------- */

/* Start one, unless one starts already. The log, and admin_upgraded(), say what came of it. */
enum admin_upgrade successor_start(struct process *p);
bool successor_is_starting(const struct process *p);
/* This process was told to end, or ends: tell a successor that starts to end as well. */
void successor_abandon(struct process *p);

/* ---- the process that comes ---------------------------------------------------------------- */

/* Before any descriptor is opened. Whether this process succeeds another. */
bool successor_init(void);
/* Whether one waits for successor_report(). */
bool successor_has_predecessor(void);
/* It serves: the predecessor may go. Does nothing where there is none. */
void successor_report(void);

#endif
