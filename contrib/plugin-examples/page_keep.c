/* Keeping responses as they pass. See the header. */
#include "page_cache.h"

enum { TAGS = 16 };

static bool may_store(sluice_exchange *x)
{
	static const char *const against[] = { "set-cookie", "vary", "content-encoding",
		"cache-control" };
	for (size_t i = 0; i < sizeof(against) / sizeof(against[0]); i++) {
		if (page_has_field(x, SLUICE_RESPONSE, against[i]))
			return false;
	}
	return sluice_response_status(x) == 200;
}

sluice_verdict pages_on_response(sluice_exchange *x, const void *conf)
{
	const struct pages *p = conf;
	struct page *page = p->purge ? NULL : sluice_state(x, sizeof(*page));
	sluice_str tags[TAGS], rest = sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("cache-tag"));
	uint64_t length = 0;
	size_t n = 0;
	if (!page || !page->key.data)
		return SLUICE_NEXT;
	if (page->stale && sluice_response_status(x) >= 500)
		return page_answer(x, page, SLUICE_STR("stale"));
	while (n < TAGS && rest.len) {
		tags[n] = sluice_str_trim(sluice_str_cut(&rest, ','));
		n += tags[n].len > 0;
	}
	if (rest.len || !may_store(x))
		return SLUICE_NEXT; /* with a tag left out it could not be removed */
	(void)sluice_str_u64(sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("content-length")),
		&length);
	const sluice_object_new object = { .size = sizeof(object),
		.meta = sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("content-type")),
		.ttl_ms = p->ttl,
		.keep_ms = p->keep,
		.tags = { tags, n } };
	const sluice_body_plan plan = { .size = sizeof(plan), .max = 1, .read_only = true };
	page->writer = sluice_object_begin(p->cache, page->key, &object, length);
	if (page->writer && !sluice_body_want(x, SLUICE_RESPONSE, &plan))
		return SLUICE_FAIL;
	return SLUICE_NEXT;
}

sluice_verdict pages_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	struct page *page = sluice_state(x, sizeof(*page));
	(void)conf;
	if (!page)
		return SLUICE_FAIL;
	/* false: the page is too large to be kept, and still goes to the client */
	bool fits = page->writer && sluice_object_append(page->writer, data);
	if (fits && end) {
		(void)sluice_object_commit(page->writer);
		page->writer = NULL;
	}
	return SLUICE_NEXT;
}
