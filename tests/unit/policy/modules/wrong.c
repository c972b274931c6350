/* Modules that cannot be used, each in its way: WRONG says which. */
#include <sluice/plugin.h>

#define WRONG_ABI 1
#define WRONG_SHORT 2
#define WRONG_LATER 3
#define WRONG_NAME 4
#define WRONG_NO_NAME 5
#define WRONG_TABLE 6
#define WRONG_GREEDY 7
#define WRONG_RECORD 8
#define NEWER 9 /* is not wrong: it was built with a newer header and uses nothing of it */

#if WRONG == WRONG_RECORD
SLUICE_EXPORT extern int nothing_of_ours;
SLUICE_EXPORT int nothing_of_ours;
#else
__attribute__((visibility("hidden"))) const sluice_host *sluice_host_table;
SLUICE_EXPORT extern const sluice_host **const sluice_plugin_host;
SLUICE_EXPORT const sluice_host **const sluice_plugin_host = &sluice_host_table;

static const sluice_option outside[] = {
	{ .name = "a", .doc = "lies outside of the struct", .type = SLUICE_T_STR, .offset = 100 },
	SLUICE_OPTIONS_END,
};

/* Structs of a newer header. */
struct row {
	sluice_option row;
	uint64_t more;
};
static const struct row inner[] = {
	{ { .name = "b", .doc = "in a block", .type = SLUICE_T_UINT, .def = "7" }, 0 },
	{ { .name = NULL }, 0 },
};
static const struct row rows[] = {
	{ { .name = "a",
		  .doc = "a block",
		  .type = SLUICE_T_BLOCK,
		  .sub = &inner[0].row,
		  .flags = SLUICE_F_SUBOBJECT },
		0 },
	{ { .name = NULL }, 0 },
};
struct later {
	sluice_plugin record;
	uint64_t more;
};

SLUICE_EXPORT extern const struct later sluice_plugin_record;
SLUICE_EXPORT const struct later sluice_plugin_record = {
	.record = {
		.abi = WRONG == WRONG_ABI ? SLUICE_ABI + 1 : SLUICE_ABI,
		.size = WRONG == WRONG_SHORT                    ? 64
			: WRONG == WRONG_LATER || WRONG == NEWER ? sizeof(struct later)
								 : sizeof(sluice_plugin),
		.host_size = sizeof(sluice_host),
		.option_size = WRONG == NEWER ? sizeof(struct row) : sizeof(sluice_option),
		.name = WRONG == WRONG_ABI      ? "wrong_abi"
			: WRONG == WRONG_SHORT  ? "wrong_short"
			: WRONG == WRONG_LATER  ? "wrong_later"
			: WRONG == WRONG_TABLE  ? "wrong_table"
			: WRONG == WRONG_GREEDY ? "wrong_greedy"
			: WRONG == WRONG_NAME   ? "somebody_else"
			: WRONG == NEWER        ? "newer"
						: NULL,
		.options = WRONG == WRONG_TABLE ? outside
			: WRONG == NEWER        ? &rows[0].row
						: NULL,
		.conf_size = 8,
		.worker_size = WRONG == WRONG_GREEDY ? SIZE_MAX / 2 : 0,
	},
	.more = WRONG == WRONG_LATER,
};
#endif
