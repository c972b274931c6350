/*
 * page-cache: answers of a service, kept in memory and served to all clients alike. Stores GET
 * responses with 200 that say nothing against it, as they pass, and serves an older one for a while
 * when the service fails. Shows a cache: objects by reference, written in pieces, removed by tag.
 *
 * A second instance with the same `store` and `purge: true`, on a route that only the service can
 * reach, removes what the fields Purge-Page (a target, of the same host) and Purge-Tag name.
 */
#include "page_cache.h"

#define P struct pages
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, P, store, .def = "pages",
		.doc = "name of the cache, for instances that share it"),
	SLUICE_OPTION(SLUICE_T_SIZE, P, memory, .def = "64MiB", .min = "64KiB", .max = "1TiB",
		.doc = "memory of the cache"),
	SLUICE_OPTION(SLUICE_T_DURATION, P, ttl, .def = "10s", .min = "1ms", .max = "1d",
		.doc = "how long a page is served without asking the service"),
	SLUICE_OPTION(SLUICE_T_DURATION, P, keep, .def = "1h", .max = "7d",
		.doc = "how long after that it stands in when the service fails"),
	SLUICE_OPTION(SLUICE_T_BOOL, P, purge, .doc = "whether requests remove pages"),
	SLUICE_OPTIONS_END,
};

static int pages_check(sluice_instance *inst, void *conf)
{
	struct pages *p = conf;
	const sluice_cache_desc d = { .size = sizeof(d), .name = p->store, .max_bytes = p->memory };
	p->cache = sluice_cache_open(inst, &d);
	return p->cache ? 0 : -1;
}

/* However the exchange ends. */
static void page_drop(void *arg)
{
	struct page *page = arg;
	sluice_object_release(page->stale);
	sluice_object_abort(page->writer);
}

static sluice_str page_key(sluice_exchange *x, sluice_str target)
{
	sluice_str host = sluice_get(x, SLUICE_I_HOST);
	char *key = sluice_alloc(x, host.len + target.len);
	if (!key)
		return (sluice_str){ NULL, 0 };
	memcpy(key, host.data, host.len);
	memcpy(key + host.len, target.data, target.len);
	return (sluice_str){ key, host.len + target.len };
}

static sluice_verdict pages_purge(sluice_exchange *x, const struct pages *p)
{
	sluice_str page = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("purge-page"));
	sluice_str tag = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("purge-tag"));
	bool found = page.data && sluice_object_remove(p->cache, page_key(x, page));
	found |= tag.data && sluice_object_remove_tag(p->cache, tag);
	return sluice_reply(x, found ? 200 : 404, SLUICE_STR("text/plain"),
		found ? SLUICE_STR("removed\n") : SLUICE_STR("not there\n"));
}

/* The bytes go out from where they lie; the reference goes with them. */
sluice_verdict page_answer(sluice_exchange *x, struct page *page, sluice_str how)
{
	sluice_pair header = { SLUICE_STR("X-Cache"), how };
	const sluice_answer a = { .size = sizeof(a),
		.status = 200,
		.headers = { &header, 1 },
		.content_type = sluice_object_meta(page->stale),
		.body = sluice_object_data(page->stale),
		.release = sluice_object_release,
		.arg = page->stale };
	page->stale = NULL;
	return sluice_answer_with(x, &a);
}

static sluice_verdict pages_on_request(sluice_exchange *x, const void *conf)
{
	const struct pages *p = conf;
	if (p->purge)
		return pages_purge(x, p);
	/* what is for one client alone is neither served nor stored */
	if (!sluice_str_eq(sluice_get(x, SLUICE_I_METHOD), SLUICE_STR("GET")) ||
		page_has_field(x, SLUICE_REQUEST, "authorization") ||
		page_has_field(x, SLUICE_REQUEST, "cookie") ||
		page_has_field(x, SLUICE_REQUEST, "range"))
		return SLUICE_NEXT;
	struct page *page = sluice_state(x, sizeof(*page));
	if (!page)
		return SLUICE_FAIL;
	sluice_cleanup(x, page_drop, page);
	page->key = page_key(x, sluice_get(x, SLUICE_I_TARGET));
	page->stale = sluice_object_get(p->cache, page->key);
	if (!page->stale || !sluice_object_fresh_for(page->stale))
		return SLUICE_NEXT;
	page->key.data = NULL; /* on_response sees the answer, too, and must not store it again */
	return page_answer(x, page, SLUICE_STR("hit"));
}

SLUICE_PLUGIN("page-cache", .version = "1.0", .summary = "keep pages in memory", .options = options,
	.conf_size = sizeof(struct pages), .check = pages_check, .on_request = pages_on_request,
	.on_response = pages_on_response, .on_response_body = pages_on_body);
