/* Reading files whole, and relative paths. */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/file.h"
#include "unit.h"

static char dir[64];

static const char *path_of(const char *name)
{
	static char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void file_write(const char *name, const char *text, size_t n)
{
	FILE *to = fopen(path_of(name), "wb");
	assert_non_null(to);
	assert_int_equal(fwrite(text, 1, n, to), n);
	(void)fclose(to);
}

static int enter(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/test_file.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int leave(void **state)
{
	static const char *const names[] = { "a.yaml", "bytes" };
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path_of(names[i]));
	arena_thread_fini();
	return rmdir(dir);
}

TEST(read)
{
	struct arena a;
	sluice_str s;
	arena_init(&a, 0);
	file_write("bytes", "a\0bc", 4);
	assert_int_equal(file_read(&a, path_of("bytes"), 4, &s), 0);
	assert_int_equal(s.len, 4);
	assert_memory_equal(s.data, "a\0bc", 5);
	assert_int_equal(file_read(&a, path_of("bytes"), 3, &s), -EFBIG);
	file_write("bytes", "", 0);
	assert_int_equal(file_read(&a, path_of("bytes"), 0, &s), 0);
	assert_int_equal(s.len, 0);
	assert_int_equal(s.data[0], 0);
	assert_int_equal(file_read(&a, path_of("none"), 3, &s), -ENOENT);
	assert_int_equal(file_read(&a, dir, 3, &s), -EISDIR);
	assert_int_equal(file_read(&a, "/dev/zero", 100000, &s), -ENODEV);
	/* says it has no bytes, and has some */
	assert_int_equal(file_read(&a, "/proc/self/stat", 100000, &s), 0);
	assert_true(s.len > 10);
	assert_string_equal(file_error(-EFBIG), "it is too large");
	assert_string_equal(file_error(-ENOENT), "No such file or directory");
	arena_fini(&a);
}

/* The configuration itself may come from a pipe, as of a shell's <(command); what it names may
 * not. */
TEST(pipe)
{
	struct arena a;
	struct diag d;
	struct config c;
	sluice_str s;
	int fds[2], status = -1;
	char path[32];
	arena_init(&a, 0);
	diag_init(&d);
	config_init(&c, &a, &d);
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) { /* in pieces, and slowly */
		ssize_t n = 0;
		for (int i = 0; i < 3; i++) {
			n += write(fds[1], "piece\n", 6);
			(void)usleep(20000);
		}
		_exit(n == 18 ? 0 : 1);
	}
	(void)close(fds[1]);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	assert_int_equal(file_read(&a, path, 100, &s), -ENODEV);
	assert_int_equal(config_load(&c, path), 0);
	assert_string_equal(c.root->text.data, "piece piece piece");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(fds[0]);
	diag_fini(&d);
	arena_fini(&a);
}

TEST(paths)
{
	struct arena a;
	struct diag d;
	struct config c;
	char cwd[512], want[1024];
	arena_init(&a, 0);
	diag_init(&d);
	config_init(&c, &a, &d);
	file_write("a.yaml", "a: b\n", 5);
	assert_int_equal(config_load(&c, path_of("a.yaml")), 0);
	assert_string_equal(c.dir, dir);
	assert_string_equal(c.root->v[0]->text.data, "b");
	(void)snprintf(want, sizeof(want), "%s/tls/x.crt", dir);
	assert_string_equal(config_path(&c, NULL, STR("tls/x.crt")), want);
	assert_string_equal(config_path(&c, NULL, STR("././tls/x.crt")), want);
	assert_string_equal(config_path(&c, NULL, STR("/etc/x")), "/etc/x");
	sluice_str s;
	assert_int_equal(config_read_file(&c, NULL, STR("a.yaml"), 100, &s), 0);
	assert_string_equal(s.data, "a: b\n");

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(config_load(&c, "a.yaml"), 0);
	assert_string_equal(c.dir, dir);
	assert_int_equal(chdir("/tmp"), 0);
	assert_int_equal(config_load(&c, path_of("a.yaml") + strlen("/tmp/")), 0);
	assert_string_equal(c.dir, dir);
	assert_int_equal(chdir(cwd), 0);

	assert_int_equal(config_load_text(&c, "x", "/", STR("a: *b")), -1);
	assert_non_null(c.root);
	assert_string_equal(config_path(&c, NULL, STR("y")), "/y");
	diag_fini(&d);
	diag_init(&d);
	assert_int_equal(config_load(&c, "/nowhere/x.yaml"), -1);
	assert_string_equal(d.items[0]->text, "cannot read the file: No such file or directory");
	assert_string_equal(d.items[0]->file, "/nowhere/x.yaml");
	assert_int_equal(d.items[0]->line, 0);
	diag_fini(&d);
	arena_fini(&a);
}

TEST_GROUP(enter, leave);
