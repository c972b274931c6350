/* Option tables as documentation. Main thread. */
#include "config/reference.h"

#include <stdlib.h>

#include "config/table.h"

enum { PATH_MAX_LEN = 256 };

/* The path of a block: listeners[].tls, upstreams.NAME. buf has PATH_MAX_LEN bytes. */
static const char *block_path(char *buf, const char *path, const sluice_option *o)
{
	const char *suffix = o->type == SLUICE_T_LIST ? "[]"
		: o->type == SLUICE_T_MAP             ? ".NAME"
						      : "";
	(void)snprintf(buf, PATH_MAX_LEN, "%s%s%s%s", path, *path ? "." : "", o->name, suffix);
	return buf;
}

static bool is_block(const sluice_option *o)
{
	return o->sub && !(o->flags & SLUICE_F_KEY) &&
		(o->type == SLUICE_T_BLOCK || o->type == SLUICE_T_LIST || o->type == SLUICE_T_MAP);
}

/* ---- what is said of a row, in both forms -------------------------------------------------- */

/* The type, and the choices where there are some. buf of OPTION_TEXT bytes. */
static const char *row_type(const sluice_option *o, char *buf)
{
	size_t at = 0;
	if (o->type != SLUICE_T_ENUM && o->type != SLUICE_T_FLAGS)
		return option_type(o);
	buf[0] = 0;
	for (size_t i = 0; o->choices && o->choices[i] && at < OPTION_TEXT; i++) {
		const char *before = i ? ", " : o->type == SLUICE_T_FLAGS ? "list of " : "";
		int n = snprintf(buf + at, OPTION_TEXT - at, "%s%s", before, o->choices[i]);
		at += n > 0 ? (size_t)n : 0;
	}
	return buf;
}

static const char *row_default(const sluice_option *o)
{
	if (o->flags & SLUICE_F_REQUIRED)
		return "required";
	return !o->def ? "" : *o->def ? o->def : "\"\"";
}

/* Write what has no column of its own. */
static void row_notes(FILE *to, const sluice_option *o)
{
	char range[OPTION_TEXT];
	if (*option_range(o, range))
		(void)fprintf(to, "; %s", range);
	if (o->flags & SLUICE_F_SECRET)
		(void)fputs("; a secret: file:PATH reads it from a file", to);
	const sluice_option *scalar = is_block(o) ? table_flagged(o->sub, SLUICE_F_SCALAR) : NULL;
	if (scalar)
		(void)fprintf(to, "; %smay be written as its %s alone",
			o->type == SLUICE_T_BLOCK ? "" : "a member ", scalar->name);
}

/* ---- Markdown ------------------------------------------------------------------------------ */

/* Write the text of a table's cell. Characters that end a cell or start markup are escaped. */
static void cell(FILE *to, const char *s)
{
	for (; *s; s++) {
		if (strchr("|\\`*_<>[]", *s))
			(void)fputc('\\', to);
		(void)fputc(*s == '\n' ? ' ' : *s, to);
	}
}

static void code(FILE *to, const char *s)
{
	if (!*s)
		return;
	(void)fputc('`', to);
	for (; *s; s++) {
		if (*s == '|')
			(void)fputc('\\', to); /* also within code, in a table */
		(void)fputc(*s == '`' ? '\'' : *s, to);
	}
	(void)fputc('`', to);
}

static void markdown_row(FILE *to, const sluice_option *o)
{
	char type[OPTION_TEXT];
	(void)fputs("| ", to);
	code(to, o->name);
	(void)fputs(" | ", to);
	cell(to, row_type(o, type));
	(void)fputs(" | ", to);
	if (o->flags & SLUICE_F_REQUIRED)
		(void)fputs("required", to);
	else
		code(to, row_default(o));
	(void)fputs(" | ", to);
	cell(to, o->doc ? o->doc : "");
	row_notes(to, o);
	(void)fprintf(to, " | %s |\n", option_reload(o));
}

static void markdown_section(FILE *to, const sluice_option *table, const char *path, unsigned level,
	unsigned depth)
{
	char inner[PATH_MAX_LEN];
	const sluice_option *key = table_flagged(table, SLUICE_F_KEY);
	if (key)
		(void)fprintf(to, "NAME: %s\n\n", key->doc ? key->doc : "");
	(void)fputs("| option | type | default | what it is | a change is in force "
		    "|\n|---|---|---|---|---|\n",
		to);
	for (const sluice_option *o = table; o && o->name; o++) {
		if (!(o->flags & SLUICE_F_KEY))
			markdown_row(to, o);
	}
	(void)fputc('\n', to);
	for (const sluice_option *o = table; o && o->name && depth < TABLE_DEPTH_MAX; o++) {
		if (!is_block(o) || o->sub == table)
			continue;
		(void)block_path(inner, path, o);
		for (unsigned i = 0; i < level + 1 && i < 6; i++)
			(void)fputc('#', to);
		(void)fprintf(to, " %s\n\n", inner);
		if (o->doc && *o->doc) {
			(void)fputc(o->doc[0] >= 'a' && o->doc[0] <= 'z' ? o->doc[0] - 'a' + 'A'
									 : o->doc[0],
				to);
			cell(to, o->doc + 1);
			(void)fputs(".\n\n", to);
		}
		markdown_section(to, o->sub, inner, level, depth + 1);
	}
}

void reference_markdown(FILE *to, const sluice_option *table, const char *title, const char *path,
	unsigned level)
{
	if (title) {
		for (unsigned i = 0; i < level && i < 6; i++)
			(void)fputc('#', to);
		(void)fprintf(to, " %s\n\n", title);
	}
	markdown_section(to, table, path, level, 0);
}

/* ---- man(7) -------------------------------------------------------------------------------- */

void reference_man_text(FILE *to, const char *s)
{
	bool bold = false, starts = true;
	for (; *s; s++) {
		if (starts && (*s == '.' || *s == '\''))
			/* else a leading dot or quote would be a request to man */
			(void)fputs("\\&", to);
		starts = *s == '\n';
		switch (*s) {
		case '`':
			bold = !bold;
			(void)fputs(bold ? "\\fB" : "\\fP", to);
			break;
		case '\\':
			(void)fputs("\\e", to);
			break;
		case '-':
			(void)fputs("\\-", to);
			break;
		case '\'':
			(void)fputs("\\(aq", to);
			break;
		case '"':
			(void)fputs("\\(dq", to);
			break;
		case '~':
			(void)fputs("\\(ti", to);
			break;
		case '^':
			(void)fputs("\\(ha", to);
			break;
		default:
			(void)fputc(*s, to);
			break;
		}
	}
}

static void man_row(FILE *to, const sluice_option *o)
{
	char type[OPTION_TEXT], *notes = NULL;
	size_t n;
	const char *def = row_default(o);
	FILE *f = open_memstream(&notes, &n);
	check(f, "out of memory for the text of %s", o->name);
	row_notes(f, o);
	if (o->flags & (SLUICE_F_NEW | SLUICE_F_RESTART))
		(void)fprintf(f, "; a change is in force %s", option_reload(o));
	check(fclose(f) == 0, "out of memory for the text of %s", o->name);

	(void)fprintf(to, ".TP\n\\fB%s\\fP (\\fI", o->name);
	reference_man_text(to, row_type(o, type));
	(void)fputs("\\fP", to);
	if (*def) {
		(void)fputs(o->flags & SLUICE_F_REQUIRED ? ", " : ", default ", to);
		reference_man_text(to, def);
	}
	(void)fputs(")\n", to);
	reference_man_text(to, o->doc ? o->doc : "");
	reference_man_text(to, notes);
	(void)fputs(".\n", to);
	free(notes);
}

static void man_rows(FILE *to, const sluice_option *table, const char *path, unsigned depth)
{
	char inner[PATH_MAX_LEN];
	const sluice_option *key = table_flagged(table, SLUICE_F_KEY);
	if (key) {
		(void)fputs("NAME: ", to);
		reference_man_text(to, key->doc ? key->doc : "");
		(void)fputs(".\n", to);
	}
	for (const sluice_option *o = table; o && o->name; o++) {
		if (!(o->flags & SLUICE_F_KEY))
			man_row(to, o);
	}
	for (const sluice_option *o = table; o && o->name && depth < TABLE_DEPTH_MAX; o++) {
		if (!is_block(o) || o->sub == table)
			continue;
		(void)fprintf(to, ".SS \"%s\"\n", block_path(inner, path, o));
		man_rows(to, o->sub, inner, depth + 1);
	}
}

void reference_man(FILE *to, const sluice_option *table, const char *path)
{
	man_rows(to, table, path, 0);
}

/* ---- a terminal ---------------------------------------------------------------------------- */

/* Words of a sentence, broken at the right edge and indented. */
static void wrapped(FILE *to, const char *s, unsigned indent, unsigned columns)
{
	unsigned col = 0;
	while (*s) {
		size_t word = strcspn(s, " ");
		if (col && col + 1 + word > columns - indent) {
			(void)fputc('\n', to);
			col = 0;
		}
		(void)fprintf(to, "%*s%.*s", col ? 1 : (int)indent, "", (int)word, s);
		col += (unsigned)word + (col ? 1 : 0);
		s += word;
		s += strspn(s, " ");
	}
	(void)fputc('\n', to);
}

static void text_row(FILE *to, const sluice_option *o, const char *path, unsigned columns)
{
	char type[OPTION_TEXT], *sentence = NULL;
	size_t n;
	const char *def = row_default(o);
	FILE *f = open_memstream(&sentence, &n);
	check(f, "out of memory for the text of %s", o->name);
	(void)fputs(o->doc ? o->doc : "", f);
	row_notes(f, o);
	if (o->flags & (SLUICE_F_NEW | SLUICE_F_RESTART))
		(void)fprintf(f, "; a change is in force %s", option_reload(o));
	check(fclose(f) == 0, "out of memory for the text of %s", o->name);

	(void)fprintf(to, "  %s%s%s  (%s%s%s)\n", path, *path ? "." : "", o->name,
		row_type(o, type), *def ? (o->flags & SLUICE_F_REQUIRED ? ", " : ", default ") : "",
		def);
	wrapped(to, sentence, 6, columns);
	free(sentence);
}

static void text_rows(FILE *to, const sluice_option *table, const char *path, unsigned columns,
	unsigned depth)
{
	char inner[PATH_MAX_LEN];
	for (const sluice_option *o = table; o && o->name; o++) {
		if (o->flags & SLUICE_F_KEY)
			continue;
		text_row(to, o, path, columns);
		if (is_block(o) && o->sub != table && depth < TABLE_DEPTH_MAX)
			text_rows(to, o->sub, block_path(inner, path, o), columns, depth + 1);
	}
}

void reference_text(FILE *to, const sluice_option *table, unsigned columns)
{
	text_rows(to, table, "", columns < 40 ? 40 : columns, 0);
}
