/* base/load and base/secret: whole files and nothing else, within bounds of size and time. */
#include "base/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"

#include "unit.h"

static char folder[64];

static const char *path_of(const char *name)
{
	static char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *text, size_t n)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	(void)close(fd);
}

TEST(a_file_is_read_whole)
{
	static char big[300000];
	struct loaded l;
	memset(big, 'x', sizeof(big));
	put("file", big, sizeof(big));
	assert_int_equal(load_file(&l, path_of("file"), LOAD_REGULAR, sizeof(big)), 0);
	assert_int_equal(l.len, sizeof(big));
	assert_memory_equal(l.data, big, sizeof(big));
	assert_int_equal(l.data[l.len], 0);
	assert_int_equal(l.mode & 0777, 0640);
	load_free(&l);
	assert_null(l.data);
	assert_int_equal(load_file(&l, path_of("file"), LOAD_REGULAR, sizeof(big) - 1), -EFBIG);
	assert_null(l.data);
	assert_int_equal(load_file(&l, path_of("none"), LOAD_REGULAR, 10), -ENOENT);
	put("file", "", 0);
	assert_int_equal(load_file(&l, path_of("file"), LOAD_REGULAR, 0), 0);
	assert_int_equal(l.len, 0);
	load_free(&l);
	/* says it has no bytes, and has some */
	assert_int_equal(load_file(&l, "/proc/self/stat", LOAD_REGULAR, 100000), 0);
	assert_true(l.len > 10);
	load_free(&l);
}

TEST(what_is_no_regular_file_is_refused_without_waiting)
{
	struct loaded l;
	uint64_t from = clock_ns();
	assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
	assert_int_equal(load_file(&l, path_of("pipe"), LOAD_REGULAR, 10), -ENODEV);
	int writer = open(path_of("pipe"), O_RDWR);
	assert_int_equal(load_file(&l, path_of("pipe"), LOAD_REGULAR, 10), -ENODEV);
	(void)close(writer);
	assert_int_equal(load_file(&l, "/dev/zero", LOAD_OR_PIPE, 10), -ENODEV);
	assert_int_equal(load_file(&l, "/dev/tty", LOAD_REGULAR, 10), -ENODEV);
	assert_int_equal(load_file(&l, folder, LOAD_REGULAR, 10), -EISDIR);
	assert_true(clock_ns() - from < NS_PER_S);
	assert_string_equal(load_error(-ENODEV), "it is not a regular file");
	assert_string_equal(load_error(-EFBIG), "it is too large");
}

TEST(a_pipe_is_read_to_its_end_where_one_may_be)
{
	struct loaded l;
	char path[32];
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "a: b\n", 5), 5);
	(void)close(fds[1]);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	assert_int_equal(load_file(&l, path, LOAD_OR_PIPE, 100), 0);
	assert_string_equal(l.data, "a: b\n");
	load_free(&l);
	(void)close(fds[0]);
}

TEST(a_pipe_whose_writer_is_silent_is_given_up)
{
	struct loaded l;
	int writer = open(path_of("pipe"), O_RDWR);
	uint64_t from = clock_ns();
	assert_int_equal(load_file(&l, path_of("pipe"), LOAD_OR_PIPE, 10), -ETIMEDOUT);
	assert_true(clock_ns() - from < (LOAD_PIPE_S + 5) * NS_PER_S);
	(void)close(writer);
}

/* Whether the mapping that holds p is left out of core dumps: "dd" among its flags (proc(5),
 * VmFlags). */
static bool is_left_out(const void *p)
{
	char line[1024];
	unsigned long from, to;
	bool here = false, left_out = false;
	FILE *f = fopen("/proc/self/smaps", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			left_out = strstr(line, " dd") != NULL;
	}
	(void)fclose(f);
	return left_out;
}

TEST(secrets_are_in_no_core_dump)
{
	char *p = secret_alloc(100), *other = malloc(100);
	assert_non_null(p);
	for (int i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	assert_true(is_left_out(p));
	assert_false(is_left_out(other));
	secret_free(p, 100);
	secret_free(NULL, 100);
	free(other);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/sluice-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path_of("file"));
	(void)unlink(path_of("pipe"));
	return rmdir(folder);
}

TEST_GROUP(setup, teardown);
