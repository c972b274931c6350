/*
 * pages: answer from files that are kept in memory: robots.txt, security.txt, a page for
 * maintenance. Shows an answer with fields of its own and a body that is lent, so that nothing is
 * copied for a request.
 */
#include <sluice/plugin.h>
#include <sluice/str.h>

enum { PAGE_MAX = 16 << 20 };

struct page {
	sluice_str path, file;
	sluice_str type; /* of its content */
	sluice_str body; /* read by check() */
};

struct pages {
	sluice_blocks pages; /* struct page */
	sluice_str cache;
};

#define P struct page
static const sluice_option page_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, P, path, .flags = SLUICE_F_KEY, .doc = "path of the page"),
	SLUICE_OPTION(SLUICE_T_STR, P, file, .flags = SLUICE_F_REQUIRED, .doc = "file to send"),
	SLUICE_OPTION(SLUICE_T_STR, P, type, .def = "text/plain; charset=utf-8",
		.doc = "media type of the file"),
	SLUICE_OPTIONS_END,
};
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_MAP, struct pages, pages, .flags = SLUICE_F_REQUIRED,
		.sub = page_options, .sub_size = sizeof(P), .doc = "pages by their path"),
	SLUICE_OPTION(SLUICE_T_STR, struct pages, cache, .def = "max-age=300",
		.doc = "Cache-Control of the answers"),
	SLUICE_OPTIONS_END,
};

static int pages_check(sluice_instance *inst, void *conf)
{
	const struct pages *p = conf;
	struct page *v = p->pages.v;
	int failed = 0;
	for (size_t i = 0; i < p->pages.n; i++) {
		if (sluice_read_file(inst, v[i].file, PAGE_MAX, &v[i].body) < 0) {
			sluice_conf_error(inst, "pages", "cannot read %.*s", (int)v[i].file.len,
				v[i].file.data);
			failed = -1;
		}
	}
	return failed;
}

/* The bytes belong to the instance, which lives until the last answer is sent. */
static void pages_given_back(void *arg)
{
	(void)arg;
}

static sluice_verdict pages_answer(sluice_exchange *x, const struct pages *p,
	const struct page *page)
{
	const sluice_pair fields[] = { { SLUICE_STR("Cache-Control"), p->cache },
		{ SLUICE_STR("X-Content-Type-Options"), SLUICE_STR("nosniff") } };
	const sluice_answer a = { .size = sizeof(a),
		.status = 200,
		.headers = { fields, 2 },
		.content_type = page->type,
		.body = page->body,
		.release = pages_given_back };
	return sluice_answer_with(x, &a);
}

static sluice_verdict pages_on_request(sluice_exchange *x, const void *conf)
{
	const struct pages *p = conf;
	const struct page *v = p->pages.v;
	sluice_str path = sluice_get(x, SLUICE_I_PATH), method = sluice_get(x, SLUICE_I_METHOD);
	if (!sluice_str_eq(method, SLUICE_STR("GET")) && !sluice_str_eq(method, SLUICE_STR("HEAD")))
		return SLUICE_NEXT;
	for (size_t i = 0; i < p->pages.n; i++) {
		if (sluice_str_eq(path, v[i].path))
			return pages_answer(x, p, &v[i]);
	}
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("pages", .version = "1.0", .summary = "answer from files kept in memory",
	.options = options, .conf_size = sizeof(struct pages), .check = pages_check,
	.on_request = pages_on_request);
