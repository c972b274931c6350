/* Parking an exchange and waking it: sleep, publish, fetch, store. One wait at a time. Its worker's
 * thread only. */
#ifndef POLICY_WAIT_H
#define POLICY_WAIT_H

#include "policy/run.h"

struct list;

/* Wake everyone parked on this list: a value was published. */
void wait_resume_all(struct list *waiters);

#endif
