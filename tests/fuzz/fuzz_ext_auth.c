/* What ext-auth reads of strangers: Cache-Control of answers, and what it keeps of them as bytes,
 * which are the same again when they are written; and escapes of parameters, which can be undone.
 */
#include <stdlib.h>

#include "lifetime.h"
#include "question.h"
#include "reach.h"
#include "verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void read_lifetime(sluice_str text)
{
	const sluice_pair f[] = { { SLUICE_STR("cache-control"), text },
		{ SLUICE_STR("age"), SLUICE_STR("7") } };
	uint64_t life = lifetime_read(text), left = lifetime_of(f, 2);
	must(life == LIFETIME_UNSAID || life <= UINT32_MAX);
	must(life == LIFETIME_UNSAID ? left == life : left == (life > 7 ? life - 7 : 0));
	if (life != LIFETIME_UNSAID && life > 0)
		REACH("an answer that may be kept for a while");
	if (life == 0)
		REACH("an answer that may not be kept");
}

static void read_verdict(sluice_str bytes)
{
	struct verdict v;
	sluice_pair *room = calloc(verdict_count(bytes) + 1, sizeof(*room));
	must(room != NULL);
	if (verdict_read(bytes, room, &v)) {
		size_t n = verdict_size(&v);
		char *again = malloc(n);
		must(again != NULL && n == bytes.len);
		verdict_write(&v, again);
		must(memcmp(again, bytes.data, n) == 0);
		must(verdict_kind_of(v.status) != VERDICT_NONE);
		if (v.n_fields)
			REACH("a verdict with a field");
		free(again);
	}
	free(room);
}

static void escape(sluice_str text)
{
	char *escaped = malloc(3 * text.len + 1), *end = question_escape(escaped, text),
	     *at = escaped;
	must(end <= escaped + 3 * text.len);
	for (size_t i = 0; i < text.len; i++) {
		char c = *at++;
		must(!strchr("&=?#+ /", c) || c == '\0');
		if (c == '%') {
			must(end - at >= 2);
			c = (char)(sluice_hex_value(at[0]) * 16 + sluice_hex_value(at[1]));
			at += 2;
		}
		must(c == text.data[i]);
	}
	must(at == end);
	free(escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char nothing[] = "";
	sluice_str text = { size ? (const char *)data : nothing, size };
	read_lifetime(text);
	read_verdict(text);
	escape(text);
	return 0;
}
