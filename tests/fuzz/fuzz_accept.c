/* Accept as the plugin error-pages reads it, and the escaping of values: weights are weights, and
 * what is escaped has no character that could end a text of HTML, of an attribute or of JSON. */
#include <stdlib.h>

#include "../shared/weight.h"
#include "media.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void escape(sluice_str value, enum text_escape how, const char *never)
{
	size_t n = text_escaped(value, how);
	char *out = malloc(n + 1);
	must(out != NULL);
	must((size_t)(text_put(out, value, how) - out) == n);
	for (size_t i = 0; i < n; i++)
		must(out[i] >= ' ' && out[i] < 0x7f && !strchr(never, out[i]));
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	must(copy != NULL);
	for (size_t i = 0; i < size; i++)
		copy[i] = (char)data[i];
	sluice_str text = { copy, size };
	must(media_weight(text, SLUICE_STR("text/html")) <= WEIGHT_ONE);
	must(media_weight(text, media_of(text)) <= WEIGHT_ONE);
	escape(text, ESCAPE_MARKUP, "<>\"'");
	escape(text, ESCAPE_JSON, "<>\"&");
	escape(text, ESCAPE_NONE, "");
	free(copy);
	return 0;
}
