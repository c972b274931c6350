/* The table of failures. Any thread. */
#include "base/err.h"

static const struct err_info rows[ERR_COUNT] = {
	{ "NONE", "", "", 200 },
#define E(name, status, code, text) { #name, code, text, status },
#include "base/err.def"
#undef E
};

const struct err_info *err_info(int e)
{
	if (e > 0 || e <= -ERR_COUNT)
		e = ERR_INTERNAL;
	return &rows[-e];
}

const char *err_code(int e)
{
	return err_info(e)->code;
}
