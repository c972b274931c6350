/* Records of modules. See record.h. */
#include "policy/record.h"

#include <stdio.h>

#include "config/table.h"

enum {
	/* the oldest record and row that this gateway can read end with these members */
	RECORD_MIN = offsetof(sluice_plugin, on_refresh) + sizeof(void (*)(void)),
	ROW_MIN = offsetof(sluice_option, doc) + sizeof(const char *),
	TABLES_MAX = 64, /* of one module, with those of its blocks */
};

/* Option tables whose rows have another size than ours. */
struct rows {
	struct arena *a;
	size_t row_size; /* the module's */
	const void *from[TABLES_MAX];
	const sluice_option *to[TABLES_MAX];
	size_t n;
	const char *wrong; /* NULL: nothing yet */
};

static bool is_zero(const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (at[i])
			return false;
	}
	return true;
}

/* Copy a struct of size bytes into one of known bytes. False: it uses what is not known here. */
static bool copy_known(void *to, size_t known, const void *from, size_t size)
{
	memcpy(to, from, size < known ? size : known);
	return size <= known || is_zero((const char *)from + known, size - known);
}

static const sluice_option *rows_copy(struct rows *r, const void *table);

static void row_copy(struct rows *r, sluice_option *to, const char *from)
{
	if (!copy_known(to, sizeof(*to), from, r->row_size))
		r->wrong = "an option uses what only a newer gateway knows: upgrade the gateway";
	else if (to->name && to->sub)
		to->sub = rows_copy(r, to->sub);
}

/* The copy of that table; each is copied once, since a table may contain itself. */
static const sluice_option *rows_copy(struct rows *r, const void *table)
{
	size_t n = 0;
	const char *at = table;
	for (size_t i = 0; i < r->n; i++) {
		if (r->from[i] == table)
			return r->to[i];
	}
	/* the name is the first member, so that it can be read in a row of any size */
	while (n <= TABLE_ROWS_MAX && *(const char *const *)(at + n * r->row_size))
		n++;
	if (r->n == TABLES_MAX || n > TABLE_ROWS_MAX)
		r->wrong = "it has too many option tables, or rows in one";
	sluice_option *copy = r->wrong ? NULL : arena_zalloc(r->a, (n + 1) * sizeof(*copy));
	if (!copy)
		return NULL;
	r->from[r->n] = table;
	r->to[r->n++] = copy;
	for (size_t i = 0; i < n && !r->wrong; i++)
		row_copy(r, &copy[i], at + i * r->row_size);
	return copy;
}

/* What is wrong with the sizes that the record tells; NULL: nothing. */
static const char *record_is_newer(const sluice_plugin *r)
{
	if (r->host_size > sizeof(sluice_host))
		return "it was built with a newer header, and does not say which services it "
		       "needs (SLUICE_HOST_NEEDED): upgrade the gateway, or rebuild it";
	if (r->option_size < ROW_MIN && r->options)
		return "the rows of its options are too short: rebuild it";
	return NULL;
}

bool record_read(const sluice_plugin *r, struct arena *a, sluice_plugin *out, char why[RECORD_WHY])
{
	const char *wrong = NULL;
	*out = (sluice_plugin){ .abi = r->abi };
	if (r->abi != SLUICE_ABI) {
		(void)snprintf(why, RECORD_WHY,
			"it was built for plugin ABI %u, this is %u: rebuild it", r->abi,
			SLUICE_ABI);
		return false;
	}
	if (r->size < RECORD_MIN) {
		(void)snprintf(why, RECORD_WHY, "its record is %u bytes short: rebuild it",
			(unsigned)(RECORD_MIN - r->size));
		return false;
	}
	if (!copy_known(out, sizeof(*out), r, r->size))
		wrong = "it was built with a newer header and uses what only a newer gateway "
			"knows: upgrade the gateway";
	else
		wrong = record_is_newer(out);
	if (!wrong && out->options && out->option_size != sizeof(sluice_option)) {
		struct rows rows = { .a = a, .row_size = out->option_size };
		out->options = rows_copy(&rows, out->options);
		wrong = rows.wrong;
	}
	if (wrong)
		(void)snprintf(why, RECORD_WHY, "%s", wrong);
	return !wrong;
}
