#include "unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

struct thing {
	uint64_t a, b;
};

TEST(new_is_zeroed)
{
	struct thing *t = mem_new(struct thing);
	assert_int_equal(t->a + t->b, 0);
	free(t);
	t = mem_array(struct thing, 3);
	assert_int_equal(t[2].b, 0);
	t[2].b = 7;
	t = mem_resize(t, 100, sizeof(*t), "things");
	assert_int_equal(t[2].b, 7);
	free(t);
	free(mem_array(struct thing, 0));
}

TEST(text_ends_in_nul)
{
	char *s = mem_text("abcdef", 3);
	assert_string_equal(s, "abc");
	free(s);
	s = mem_text(NULL, 0);
	assert_string_equal(s, "");
	free(s);
}

/* A size that no machine has ends the process: nobody goes on with a NULL. */
TEST(none_left_ends_the_process)
{
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(2);
		volatile size_t n = SIZE_MAX / sizeof(struct thing) + 1;
		free(mem_resize(NULL, n, sizeof(struct thing), "things"));
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
