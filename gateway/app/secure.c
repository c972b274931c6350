/* Keeps keys out of core dumps and away from other processes of the same user. Main thread. */
#include "app/process.h"

#include <errno.h>
#include <sys/prctl.h>

#include "base/log.h"

void secure_start(void)
{
	if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) < 0)
		log_warn("process", "memory can be read by other processes of this user: %s",
			strerror(errno));
}

void secure_settle(const struct process *p)
{
	long wanted = p->snap->conf.runtime.core_dumps;
	if (prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) == wanted)
		return;
	(void)prctl(PR_SET_DUMPABLE, wanted, 0L, 0L, 0L);
	if (wanted)
		log_warn("process",
			"runtime.core_dumps is on: a core dump has the private keys and the tokens "
			"of requests in it");
}
