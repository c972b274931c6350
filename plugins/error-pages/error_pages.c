/*
 * error-pages: pages for people in the place of problem documents, by status and by what the client
 * accepts; and maintenance. pages.c chooses, text.c writes, maintenance.c refuses.
 *
 * A page takes the place of the body alone: status, reason and fields of the response stay, so that
 * the log, Retry-After or WWW-Authenticate say what they said.
 */
#include <sluice/str.h>

#include "maintenance.h"
#include "media.h"
#include "pages.h"
#include "text.h"

static const char *const upstream_choices[] = { "keep", "pages", "all", NULL };

static const sluice_option page_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct page, status, .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "200", .doc = "statuses that the page is for: 404, 5xx, 500-504"),
	SLUICE_OPTION(SLUICE_T_STR, struct page, file, .max = "1024",
		.doc = "file with the page; {{status}} and others stand for what happened"),
	SLUICE_OPTION(SLUICE_T_STR, struct page, text, .max = "65536",
		.doc = "the page itself, in the place of a file"),
	SLUICE_OPTION(SLUICE_T_STR, struct page, type, .max = "256",
		.doc = "media type; left out: by the ending of the file, for text: text/plain"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct page, always, .def = "false",
		.doc = "whether clients get the page that accept no page in particular"),
	SLUICE_OPTIONS_END,
};

static const sluice_option except_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct exceptions, paths, .max = "64",
		.doc = "paths that are served all the same: /health, or /assets/*"),
	SLUICE_OPTION(SLUICE_T_STRS, struct exceptions, addresses, .max = "256",
		.doc = "addresses and networks of clients that are served all the same"),
	SLUICE_OPTIONS_END,
};

static const sluice_option maintenance_options[] = {
	SLUICE_OPTION(SLUICE_T_BOOL, struct maintenance, enabled, .def = "false",
		.flags = SLUICE_F_SCALAR, .doc = "whether to refuse all requests with 503"),
	SLUICE_OPTION(SLUICE_T_STR, struct maintenance, file, .max = "1024",
		.doc = "while this file exists, requests are refused as well; it is looked for "
		       "every second"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct maintenance, retry_after, .def = "5m", .min = "1s",
		.max = "7d", .doc = "Retry-After of the answers"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct maintenance, except, .flags = SLUICE_F_SUBOBJECT,
		.sub = except_options, .doc = "who is served all the same"),
	SLUICE_OPTIONS_END,
};

static const sluice_option error_pages_options[] = {
	SLUICE_OPTION(SLUICE_T_LIST, struct error_pages, pages, .max = "64", .sub = page_options,
		.sub_size = sizeof(struct page),
		.doc = "the pages; of those for a status, the first of each media type counts; "
		       "left "
		       "out: a plain HTML page for all errors"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct error_pages, upstream, .def = "keep",
		.choices = upstream_choices,
		.doc = "which errors of upstreams are replaced as well: none, those for people "
		       "(HTML, plain text, without a body), or all"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct error_pages, maintenance, .flags = SLUICE_F_SUBOBJECT,
		.sub = maintenance_options, .doc = "refuse requests while the service is mended"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static int error_pages_check(sluice_instance *inst, void *conf)
{
	struct error_pages *p = conf;
	const char *why;
	int rc = pages_check(inst, p);
	if (maintenance_check(inst, p) < 0)
		rc = -1;
	p->accept = sluice_expr_compile(inst, SLUICE_STR("header:accept"), &why);
	return p->accept ? rc : -1;
}

static int error_pages_start(sluice_instance *inst, void *conf)
{
	maintenance_start(inst, conf);
	return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

static sluice_verdict error_pages_on_request(sluice_exchange *x, const void *conf)
{
	const struct maintenance *m = &((const struct error_pages *)conf)->maintenance;
	if (!maintenance_refuses(x, m))
		return SLUICE_NEXT;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Retry-After"), m->seconds);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Cache-Control"), SLUICE_STR("no-store"));
	return sluice_refuse(x, 503, "maintenance",
		"The service is being maintained. Try again later.");
}

/* ---- responses ----------------------------------------------------------------------------- */

/* Zeroed: the body stays. */
struct shown {
	const struct page *page;
	bool is_written;
};

/* Whose answer it is. Those that a route or another plugin gives on purpose have neither a reason
 * nor an upstream. */
static enum answer_of answer_is_of(sluice_exchange *x)
{
	if (sluice_get(x, SLUICE_I_REASON).data)
		return OF_GATEWAY;
	return sluice_number(x, SLUICE_N_UPSTREAM_STATUS) != SLUICE_UNKNOWN ? OF_UPSTREAM
									    : OF_NOBODY;
}

/* Whether a body of that media type may be replaced at all. */
static bool may_replace(const struct error_pages *p, enum answer_of of, sluice_str media)
{
	bool is_for_people = media.len == 0 || sluice_str_ieq(media, SLUICE_STR("text/html")) ||
		sluice_str_ieq(media, SLUICE_STR("text/plain")) ||
		sluice_str_ieq(media, SLUICE_STR("application/xhtml+xml"));
	switch (of) {
	case OF_GATEWAY:
		return true;
	case OF_UPSTREAM:
		return p->upstream == UPSTREAM_ALL ||
			(p->upstream == UPSTREAM_PAGES && is_for_people);
	case OF_NOBODY: /* somebody wrote that body for this status */
		break;
	}
	return media.len == 0;
}

/* Fields that describe the body that was there (RFC 9110 8, RFC 9530). */
static void change_fields(sluice_exchange *x, const struct page *page)
{
	static const sluice_str of_body[] = { { "Content-Encoding", 16 },
		{ "Content-Language", 16 }, { "Content-Location", 16 },
		{ "Content-Disposition", 19 }, { "Content-Range", 13 }, { "Accept-Ranges", 13 },
		{ "ETag", 4 }, { "Last-Modified", 13 }, { "Content-Digest", 14 },
		{ "Repr-Digest", 11 }, { "Digest", 6 }, { "Content-MD5", 11 } };
	for (size_t i = 0; i < sizeof(of_body) / sizeof(of_body[0]); i++)
		sluice_field_remove(x, SLUICE_RESPONSE, of_body[i]);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Content-Type"), page->type);
}

static sluice_verdict error_pages_on_response(sluice_exchange *x, const void *conf)
{
	const struct error_pages *p = conf;
	const sluice_body_plan plan = { .size = sizeof(plan), .max = PAGE_BYTES };
	int status = sluice_response_status(x);
	if (status < STATUS_FIRST || status > STATUS_LAST)
		return SLUICE_NEXT;
	const struct choices *c = &p->of[status - STATUS_FIRST];
	enum answer_of of = answer_is_of(x);
	sluice_str accept = SLUICE_STR_NONE,
		   media = media_of(sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("content-type")));
	if (!c->n || !may_replace(p, of, media))
		return SLUICE_NEXT;
	struct shown *s = sluice_state(x, sizeof(*s));
	if (!s || sluice_expr_read(x, p->accept, &accept) == SLUICE_READ_FAIL)
		return SLUICE_FAIL;
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("Vary"), SLUICE_STR("Accept"));
	*s = (struct shown){ .page = pages_choose(c, accept, media, of) };
	if (!s->page)
		return SLUICE_NEXT;
	if (!sluice_body_want(x, SLUICE_RESPONSE, &plan))
		return SLUICE_FAIL;
	change_fields(x, s->page);
	return SLUICE_NEXT;
}

static sluice_verdict error_pages_on_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	struct shown *s = sluice_state(x, sizeof(*s));
	(void)conf;
	(void)end;
	if (!s || !s->page)
		return SLUICE_FAIL;
	sluice_body_drop(x, data.len);
	if (!s->is_written && !text_write(x, s->page->body))
		return SLUICE_FAIL;
	s->is_written = true;
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("error-pages", .version = "1.0",
	.summary = "pages for errors by status and by what the client accepts; maintenance",
	.options = error_pages_options, .conf_size = sizeof(struct error_pages),
	.check = error_pages_check, .start = error_pages_start,
	.on_request = error_pages_on_request, .on_response = error_pages_on_response,
	.on_response_body = error_pages_on_body);
