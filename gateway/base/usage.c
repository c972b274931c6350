/* Memory and descriptors in use. See the header. */
#include "base/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 16384 };

/* ---- files --------------------------------------------------------------------------------- */

/* The whole of a small file as text; "" when it cannot be read. */
static void usage_read(const char *path, char out[FILE_MAX])
{
	size_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	for (ssize_t r = 1; fd >= 0 && n < FILE_MAX - 1 && r > 0; n += r > 0 ? (size_t)r : 0)
		r = read(fd, out + n, FILE_MAX - 1 - n);
	if (fd >= 0)
		(void)close(fd);
	out[n] = 0;
}

/* The number in a file; 0 for "max", or without a file. */
static uint64_t usage_number(const char *folder, const char *name)
{
	char path[USAGE_PATH + 64], text[FILE_MAX];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	usage_read(path, text);
	return strtoull(text, NULL, 10);
}

/* The number behind a name at the beginning of a line; 0: there is no such line. */
static uint64_t usage_field(const char *text, const char *name)
{
	size_t len = strlen(name);
	for (const char *line = text; *line; line++) {
		if (strncmp(line, name, len) == 0)
			return strtoull(line + len, NULL, 10);
		line = strchr(line, '\n');
		if (!line)
			break;
	}
	return 0;
}

/* ---- memory -------------------------------------------------------------------------------- */

static const struct {
	const char *limit, *current, *inactive, *active, *mount;
} files[] = {
	[1] = { "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ",
		"total_active_file ", "/sys/fs/cgroup/memory" },
	[2] = { "memory.max", "memory.current", "inactive_file ", "active_file ",
		"/sys/fs/cgroup" },
};

/* The limits of a group and of all groups above it. A container often sees its own group as the
 * root. */
static void usage_find_limit(struct usage_memory *m, const char *root, int version,
	const char *group)
{
	char folder[USAGE_PATH];
	int base = snprintf(folder, sizeof(folder), "%s%s", root, files[version].mount);
	int len = snprintf(folder, sizeof(folder), "%s%s%s", root, files[version].mount, group);
	if (len < 0 || (size_t)len >= sizeof(folder))
		return;
	for (;;) {
		uint64_t limit = usage_number(folder, files[version].limit);
		if (limit && limit < m->limit) {
			m->limit = limit;
			m->version = version;
			memcpy(m->group, folder, sizeof(folder));
		}
		char *slash = strrchr(folder, '/');
		if (!slash || slash < folder + base)
			return;
		*slash = 0;
	}
}

void usage_memory_init(struct usage_memory *m, const char *root)
{
	char path[USAGE_PATH], text[FILE_MAX];
	*m = (struct usage_memory){ 0 };
	(void)snprintf(m->own, sizeof(m->own), "%s/proc/self/statm", root);
	(void)snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	usage_read(path, text);
	m->limit = usage_field(text, "MemTotal:") * 1024;
	(void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	usage_read(path, text);
	for (char *line = text, *end; *line; line = end) { /* "0::/path", or "7:memory:/path" */
		end = strchrnul(line, '\n');
		if (*end)
			*end++ = 0;
		if (strncmp(line, "0::", 3) == 0)
			usage_find_limit(m, root, 2, line + 3);
		else if (strstr(line, ":memory:"))
			usage_find_limit(m, root, 1, strstr(line, ":memory:") + strlen(":memory:"));
	}
}

static uint64_t usage_resident(const struct usage_memory *m)
{
	char text[FILE_MAX], *end;
	usage_read(m->own, text);
	(void)strtoull(text, &end, 10);
	return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The memory of a group without pages of files, which the kernel drops when memory is short. */
static uint64_t usage_of_group(const struct usage_memory *m)
{
	char path[USAGE_PATH + 64], text[FILE_MAX];
	uint64_t current = usage_number(m->group, files[m->version].current);
	(void)snprintf(path, sizeof(path), "%s/memory.stat", m->group);
	usage_read(path, text);
	uint64_t droppable = usage_field(text, files[m->version].inactive) +
		usage_field(text, files[m->version].active);
	return current > droppable ? current - droppable : 0;
}

struct usage usage_memory(const struct usage_memory *m)
{
	uint64_t group = m->group[0] ? usage_of_group(m) : 0;
	return (struct usage){ .used = group ? group : usage_resident(m), .limit = m->limit };
}

/* ---- descriptors --------------------------------------------------------------------------- */

uint64_t usage_count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;
	if (!d)
		return 0;
	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	(void)closedir(d);
	return n - 1; /* without the descriptor of the folder itself */
}

struct usage usage_descriptors(uint64_t known)
{
	struct rlimit r;
	struct stat st;
	struct usage u = { .used = known };
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		u.used = (uint64_t)st.st_size;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
		u.limit = r.rlim_cur;
	return u;
}
