/* proxy/exchange_state: the table of docs/design/request.md is that of the code. */
#include <stdio.h>
#include <stdlib.h>

#include "proxy/exchange.h"
#include "unit.h"

static char page[64 << 10];

static int setup(void **state)
{
	char path[4096];
	const char *root = getenv("SRCDIR");
	(void)state;
	(void)snprintf(path, sizeof(path), "%s/docs/design/request.md", root ? root : ".");
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	size_t n = fread(page, 1, sizeof(page) - 1, f);
	page[n] = 0;
	return fclose(f) == 0 && n > 1000 ? 0 : -1;
}

/* | `name` | who | waits for | bound | `next` `next` | */
static void row_of(enum exchange_state s, char *out, size_t room)
{
	const struct exchange_state_info *i = exchange_state_info(s);
	size_t n = (size_t)snprintf(out, room, "\n| `%s` | %s | %s | %s |", i->name, i->who,
		i->waits_for, i->bound[0] ? i->bound : "-");
	for (int to = 0; to < EXCHANGE_STATES; to++) {
		if (i->next & 1u << to)
			n += (size_t)snprintf(out + n, room - n, " `%s`",
				exchange_state_info((enum exchange_state)to)->name);
	}
	(void)snprintf(out + n, room - n, " |\n");
}

TEST(the_page_has_each_state)
{
	for (int s = 0; s < EXCHANGE_STATES; s++) {
		char row[512];
		row_of((enum exchange_state)s, row, sizeof(row));
		if (!strstr(page, row))
			fail_msg("docs/design/request.md has no row%s", row);
	}
}

TEST(every_state_can_be_reached_and_left)
{
	unsigned reached = 1u << EXCHANGE_NEW;
	for (int s = 0; s < EXCHANGE_STATES; s++)
		reached |= exchange_state_info((enum exchange_state)s)->next;
	assert_int_equal(reached, (1u << EXCHANGE_STATES) - 1);
	for (int s = 0; s < EXCHANGE_DONE; s++)
		assert_true(
			exchange_state_info((enum exchange_state)s)->next & 1u << EXCHANGE_DONE);
}

TEST_GROUP(setup, NULL);
