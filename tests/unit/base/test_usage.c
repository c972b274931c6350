/* base/usage: limits of control groups of both versions, and what counts as held. Files below a
 * folder stand for /proc, /sys. */
#include "base/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit.h"

static char root[] = "/tmp/sluice-usage-XXXXXX";

static void put(const char *path, const char *text)
{
	char full[USAGE_PATH];
	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		char part[USAGE_PATH];
		(void)snprintf(part, sizeof(part), "mkdir -p %.*s", (int)(slash - full), full);
		assert_int_equal(system(part), 0);
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static int setup(void **state)
{
	(void)state;
	memcpy(root, "/tmp/sluice-usage-XXXXXX", sizeof(root));
	if (!mkdtemp(root))
		return -1;
	put("/proc/meminfo", "MemTotal:        1000 kB\nMemFree:  1 kB\n");
	put("/proc/self/statm", "900 10 3 1 0 5 0\n");
	return 0;
}

static int teardown(void **state)
{
	char command[64];
	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static uint64_t page(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

TEST_WITH(without_control_groups, setup, teardown)
{
	struct usage_memory m;
	usage_memory_init(&m, root);
	struct usage u = usage_memory(&m);
	assert_int_equal(u.limit, 1000 * 1024);
	assert_int_equal(u.used, 10 * page());
}

/* The smallest limit on the way to the root is the one that counts. */
TEST_WITH(version_2, setup, teardown)
{
	struct usage_memory m;
	put("/proc/self/cgroup", "0::/slice/unit\n");
	put("/sys/fs/cgroup/slice/unit/memory.max", "max\n");
	put("/sys/fs/cgroup/slice/unit/memory.current", "1\n");
	put("/sys/fs/cgroup/slice/memory.max", "500000\n");
	put("/sys/fs/cgroup/slice/memory.current", "300000\n");
	put("/sys/fs/cgroup/slice/memory.stat",
		"anon 1\nfile 9\nshmem 5\ninactive_anon 7\nactive_anon 8\n"
		"inactive_file 40000\nactive_file 10000\nsock 3\n");
	put("/sys/fs/cgroup/memory.max", "800000\n");
	usage_memory_init(&m, root);
	struct usage u = usage_memory(&m);
	assert_int_equal(u.limit, 500000);
	assert_int_equal(u.used, 250000); /* what is read again from disk is not held */
}

/* In a container the group is the root of what it sees. */
TEST_WITH(version_2_in_a_container, setup, teardown)
{
	struct usage_memory m;
	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/memory.max", "600000\n");
	put("/sys/fs/cgroup/memory.current", "100\n");
	usage_memory_init(&m, root);
	assert_int_equal(usage_memory(&m).limit, 600000);
	assert_int_equal(usage_memory(&m).used, 100);
}

TEST_WITH(version_1, setup, teardown)
{
	struct usage_memory m;
	put("/proc/self/cgroup", "9:cpu,cpuacct:/x\n7:memory:/docker/abc\n0::/x\n");
	put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "700000\n");
	put("/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "90000\n");
	put("/sys/fs/cgroup/memory/docker/abc/memory.stat",
		"cache 1\ntotal_inactive_file 20000\ntotal_active_file 10000\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	usage_memory_init(&m, root);
	struct usage u = usage_memory(&m);
	assert_int_equal(u.limit, 700000);
	assert_int_equal(u.used, 60000);
}

/* A limit above what the machine has is none. */
TEST_WITH(the_machine_may_have_less, setup, teardown)
{
	struct usage_memory m;
	put("/proc/self/cgroup", "0::/unit\n");
	put("/sys/fs/cgroup/unit/memory.max", "5000000\n");
	usage_memory_init(&m, root);
	struct usage u = usage_memory(&m);
	assert_int_equal(u.limit, 1000 * 1024);
	assert_int_equal(u.used, 10 * page());
}

TEST(this_process)
{
	struct usage_memory m;
	struct rlimit r;
	int fds[20];
	usage_memory_init(&m, "");
	struct usage u = usage_memory(&m);
	assert_true(u.limit > 1 << 20 && u.used > 100 * 1024);
	uint64_t before = usage_count_descriptors();
	for (int i = 0; i < 20; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	assert_int_equal(usage_count_descriptors(), before + 20);
	u = usage_descriptors(before + 20);
	assert_int_equal(u.used, before + 20);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	assert_int_equal(u.limit, r.rlim_cur);
	for (int i = 0; i < 20; i++)
		(void)close(fds[i]);
}
