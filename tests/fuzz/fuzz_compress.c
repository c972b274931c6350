/* Accept-Encoding and Content-Type as the plugin compress reads them: what is chosen is in the
 * list, once, wanted, and in the order of the weights; lists read alike however they are cut into
 * lines. */
#include <stdlib.h>

#include "../shared/weight.h"
#include "accept.h"
#include "suit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct coder_ops zstd = { .coding = CODING_ZSTD };
static const struct coder_ops br = { .coding = CODING_BR };
static const struct coder_ops gzip = { .coding = CODING_GZIP };

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void choose(sluice_str text)
{
	static const struct coder_ops *const order[] = { &br, &gzip, &zstd };
	const struct coder_ops *out[CODINGS];
	struct accept a = accept_read(text);
	size_t n = accept_choose(&a, order, CODINGS, out);
	unsigned seen = 0;
	must(n <= CODINGS && a.identity <= WEIGHT_ONE);
	for (size_t i = 0; i < n; i++) {
		uint16_t weight = a.coding[out[i]->coding];
		must(weight > 0 && weight <= WEIGHT_ONE && weight >= a.identity);
		must(i == 0 || weight <= a.coding[out[i - 1]->coding]);
		must(!(seen & 1u << out[i]->coding));
		seen |= 1u << out[i]->coding;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const sluice_str v[] = { { "text/*", 6 }, { "application/*+json", 18 },
		{ "image/svg+xml", 13 } };
	static const sluice_str every[] = { { "*/*", 3 } };
	const sluice_strs types = { v, 3 }, all = { every, 1 };
	char *copy = malloc(
		size + 1); /* exactly as long, so that the sanitizer sees a read beyond */
	must(copy != NULL);
	for (size_t i = 0; i < size; i++)
		copy[i] = (char)data[i];
	sluice_str text = { copy, size };
	choose(text);
	must(!suit_is_type(types, text) || suit_is_type(all, text));
	(void)suit_has_no_transform(text);
	(void)suit_type_refused(text);
	free(copy);
	return 0;
}
