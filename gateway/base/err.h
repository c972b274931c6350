/* Failures as values: 0 is success, a failure is a negative enum err. The table is err.def. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_index {
	ERR_INDEX_NONE = 0,
#define E(name, status, code, text) ERR_INDEX_##name,
#include "base/err.def"
#undef E
	ERR_COUNT,
};

enum err {
	ERR_NONE = 0,
#define E(name, status, code, text) ERR_##name = -(int)ERR_INDEX_##name,
#include "base/err.def"
#undef E
};

/* The row of a failure. Any e is allowed: one that is no failure gives the row of INTERNAL. */
struct err_info {
	const char *name, *code, *text;
	int status;
};
const struct err_info *err_info(int e);
const char *err_code(int e); /* "" for 0 */

#endif
