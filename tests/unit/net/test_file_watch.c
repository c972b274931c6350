/* net/file_watch: files that are written, replaced, removed and made. */
#include "net/file_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/worker.h"
#include "unit.h"

static struct worker worker;
static struct timer limit;
static char folder[] = "/tmp/sluice-watch-XXXXXX", path[64], other[64], fresh[64];
static struct file_watch watch, second;
static unsigned n_changes, n_second;

static void on_change(struct file_watch *f)
{
	n_changes += f == &watch;
	n_second += f == &second;
	worker_stop(&worker);
}

static void on_limit(struct timer *t)
{
	(void)t;
	worker_stop(&worker);
}

static void run(unsigned ms)
{
	worker.clock_is_fresh = false;
	atomic_store(&worker.stop, false);
	worker_timer(&worker, &limit, ms * NS_PER_MS);
	worker_run(&worker);
	timer_stop(&limit);
}

static void write_file(const char *to, const char *text)
{
	FILE *f = fopen(to, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/servers", folder);
	(void)snprintf(other, sizeof(other), "%s/other", folder);
	(void)snprintf(fresh, sizeof(fresh), "%s/fresh", folder);
	timer_init(&limit, on_limit);
	return worker_init(&worker, 0);
}

static int teardown(void **state)
{
	(void)state;
	timer_drop(&limit);
	worker_fini(&worker);
	(void)unlink(path);
	(void)unlink(other);
	return rmdir(folder);
}

TEST(changes_are_seen)
{
	write_file(path, "a");
	file_watch_start(&watch, &worker, path, on_change);
	file_watch_start(&second, &worker, other, on_change);
	run(60);
	assert_int_equal(n_changes, 0);
	write_file(path, "ab");
	run(2000);
	assert_int_equal(n_changes, 1);
	write_file(fresh, "abc");
	assert_int_equal(rename(fresh, path), 0);
	run(2000);
	assert_int_equal(n_changes, 2);
	assert_int_equal(unlink(path), 0);
	run(2000);
	assert_int_equal(n_changes, 3);
	assert_int_equal(n_second, 0);
	/* the other file comes into being, and the first one stops being watched */
	file_watch_stop(&watch);
	write_file(path, "a");
	write_file(other, "b");
	run(2000);
	run(60);
	assert_int_equal(n_changes, 3);
	assert_int_equal(n_second, 1);
	file_watch_stop(&second);
}

TEST(a_folder_that_is_missing_is_looked_for)
{
	char far[64], file[80];
	(void)snprintf(far, sizeof(far), "%s/later", folder);
	(void)snprintf(file, sizeof(file), "%s/servers", far);
	n_changes = 0;
	file_watch_start(&watch, &worker, file, on_change);
	assert_int_equal(mkdir(far, 0700), 0);
	write_file(file, "a");
	/* as if the time had come to look */
	watch.timer.on_due(&watch.timer);
	assert_int_equal(n_changes, 1);
	write_file(file, "abcd"); /* and now it is told of changes */
	run(2000);
	assert_int_equal(n_changes, 2);
	file_watch_stop(&watch);
	(void)unlink(file);
	(void)rmdir(far);
}

TEST_GROUP(setup, teardown);
