/* app/successor: how many sockets a process is given. */
#include "app/successor.h"

#include "app/inherited.h"
#include "app/process.h"
#include "unit.h"

static struct process process;

/* They are counted before a descriptor is looked at. What was lent has no descriptors here. */
TEST(more_sockets_than_a_process_takes)
{
	struct served served[] = { { .n_fds = INHERITED_MAX }, { .n_fds = 1 },
		{ .n_fds = 1000, .lent = true } };
	process.phase = PROCESS_SERVING;
	process.served = served;
	process.n_served = 3;
	assert_int_equal(successor_start(&process), ADMIN_UPGRADE_TOO_MANY);
	assert_false(successor_is_starting(&process));
	process.phase = PROCESS_DRAINING;
	assert_int_equal(successor_start(&process), ADMIN_UPGRADE_ENDING);
}
