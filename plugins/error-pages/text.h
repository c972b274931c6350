/*
 * The text of a page, with placeholders: {{status}}. Other braces are text, because style sheets
 * and scripts have many. Values are escaped as the media type needs it.
 */
#ifndef PLUGINS_ERROR_PAGES_TEXT_H
#define PLUGINS_ERROR_PAGES_TEXT_H

#include <sluice/str.h>

enum text_escape { ESCAPE_MARKUP, ESCAPE_JSON, ESCAPE_NONE };

struct text;

/* In check(): option is the one at which a placeholder is reported that does not exist; the text is
 * borrowed for as long as the instance. NULL: there was such a one. */
const struct text *text_compile(sluice_instance *inst, const char *option, sluice_str text,
	enum text_escape escape);

/* How values are escaped in a page of that media type. */
enum text_escape text_escape_of(sluice_str media);

/* In a hook on the response's body: write the page. False: the exchange's memory is spent. */
bool text_write(sluice_exchange *x, const struct text *t);

/* The words for a status: "Not Found". */
sluice_str text_title(int status);

/* value, escaped, at `at`, where text_escaped() bytes have room. Returns the end. */
char *text_put(char *at, sluice_str value, enum text_escape escape);
size_t text_escaped(sluice_str value, enum text_escape escape);

#endif
