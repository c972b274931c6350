/* See pages.h. */
#include "pages.h"

#include <stdio.h>

#include "media.h"
#include "text.h"

enum { OPTION_MAX = 64 }; /* bytes of an option's name */

/* What browsers get when the configuration has no pages. */
static const char built_in[] =
	"<!doctype html>\n"
	"<html lang=\"en\">\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<meta name=\"robots\" content=\"noindex\">\n"
	"<title>{{status}} {{title}}</title>\n"
	"<style>\n"
	"html { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }\n"
	"main { max-width: 36rem; margin: 20vh auto 0; padding: 0 1rem }\n"
	"h1 { font-size: 1.5rem } small { opacity: .7 }\n"
	"</style>\n"
	"<main>\n"
	"<h1>{{title}}</h1>\n"
	"<p>The page cannot be shown. If this goes on, tell the operator of the site what stands "
	"below.</p>\n"
	"<p><small>{{status}} {{code}}<br>{{request_id}}<br>{{time}}</small></p>\n"
	"</main>\n"
	"</html>\n";

/* ---- statuses ------------------------------------------------------------------------------ */

/* A status of three digits that a page can be for. */
static bool one_status(sluice_str s, uint64_t *out)
{
	return s.len == 3 && sluice_str_u64(s, out) && *out >= STATUS_FIRST && *out <= STATUS_LAST;
}

bool status_read(sluice_str text, bool at[STATUSES])
{
	sluice_str rest = text, begin = sluice_str_cut(&rest, '-');
	uint64_t first, last;
	if (sluice_str_is(text, "4xx") || sluice_str_is(text, "5xx")) {
		first = (uint64_t)(text.data[0] - '0') * 100;
		last = first + 99;
	} else if (!one_status(begin, &first)) {
		return false;
	} else if (!rest.data) {
		last = first;
	} else if (!one_status(rest, &last) || last < first) {
		return false;
	}
	for (uint64_t i = first; i <= last; i++)
		at[i - STATUS_FIRST] = true;
	return true;
}

/* ---- configuration ------------------------------------------------------------------------- */

static sluice_str type_by_name(sluice_str file)
{
	static const struct {
		const char *ending, *type;
	} types[] = { { ".html", "text/html; charset=utf-8" },
		{ ".htm", "text/html; charset=utf-8" }, { ".txt", "text/plain; charset=utf-8" },
		{ ".json", "application/json" }, { ".xml", "application/xml" } };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t n = strlen(types[i].ending);
		if (file.len > n &&
			sluice_str_ieq(sluice_str_skip(file, file.len - n),
				sluice_str_of(types[i].ending)))
			return sluice_str_of(types[i].type);
	}
	return SLUICE_STR_NONE;
}

static bool page_has_type(sluice_instance *inst, struct page *p, const char *path)
{
	if (!p->type.len)
		p->type = p->file.len ? type_by_name(p->file)
				      : SLUICE_STR("text/plain; charset=utf-8");
	p->media = media_of(p->type);
	sluice_str subtype = p->media, main = sluice_str_cut(&subtype, '/');
	if (sluice_str_is_token(main) && sluice_str_is_token(subtype) &&
		!sluice_field_refused(SLUICE_RESPONSE, SLUICE_FIELD_SET, SLUICE_STR("Content-Type"),
			p->type))
		return true;
	sluice_conf_error(inst, path,
		p->type.len ? "the type is no media type"
			    : "nothing says what type the file is of");
	sluice_conf_hint(inst, "type: text/html; charset=utf-8");
	return false;
}

/* What the page consists of. False: a mistake was reported. */
static bool page_read(sluice_instance *inst, struct page *p, size_t place)
{
	char source[OPTION_MAX], type[OPTION_MAX];
	(void)snprintf(source, sizeof(source), "pages[%zu].%s", place,
		p->file.len ? "file" : "text");
	(void)snprintf(type, sizeof(type), "pages[%zu].type", place);
	int rc = p->file.len ? sluice_read_file(inst, p->file, PAGE_BYTES, &p->text) : 0;
	if (rc < 0) {
		sluice_conf_error(inst, source, "cannot read %.*s: %s", (int)p->file.len,
			p->file.data, strerror(-rc));
		sluice_conf_hint(inst,
			"a readable file of at most 256 KiB, relative to this "
			"configuration");
		return false;
	}
	if (!page_has_type(inst, p, type))
		return false;
	p->body = text_compile(inst, source, p->text, text_escape_of(p->media));
	return p->body != NULL;
}

/* Add the page to the choices of a status, unless an earlier one has its type. */
static void choices_add(struct choices *c, const struct page *p)
{
	for (size_t i = 0; i < c->n; i++) {
		if (sluice_str_ieq(c->v[i]->media, p->media))
			return;
	}
	c->v[c->n++] = p;
}

/* Which statuses the page is for. False: a mistake was reported. */
static bool page_has_statuses(sluice_instance *inst, const struct page *p, size_t place,
	bool at[STATUSES])
{
	bool is_right = true;
	for (size_t i = 0; i < p->status.n; i++) {
		char option[OPTION_MAX];
		if (status_read(p->status.v[i], at))
			continue;
		(void)snprintf(option, sizeof(option), "pages[%zu].status[%zu]", place, i);
		sluice_conf_error(inst, option, "\"%.*s\" is no status of an error",
			(int)p->status.v[i].len, p->status.v[i].data);
		sluice_conf_hint(inst, "404, 5xx, 500-504: from 400 to 599");
		is_right = false;
	}
	return is_right;
}

static int page_check(sluice_instance *inst, struct error_pages *all, struct page *p, size_t place)
{
	bool at[STATUSES] = { false };
	char option[OPTION_MAX];
	int rc = page_has_statuses(inst, p, place, at) ? 0 : -1;
	if ((p->file.len == 0) == (p->text.len == 0)) {
		(void)snprintf(option, sizeof(option), "pages[%zu]", place);
		sluice_conf_error(inst, option, "needs either file or text");
		return -1;
	}
	if (!page_read(inst, p, place))
		return -1;
	for (size_t i = 0; i < STATUSES; i++) {
		if (at[i])
			choices_add(&all->of[i], p);
	}
	return rc;
}

int pages_check(sluice_instance *inst, struct error_pages *p)
{
	static const sluice_str every[] = { { "4xx", 3 }, { "5xx", 3 } };
	struct page *v = p->pages.v;
	size_t n = p->pages.n ? p->pages.n : 1;
	int rc = 0;
	if (!p->pages.n) {
		v = sluice_conf_alloc(inst, sizeof(*v));
		*v = (struct page){ .status = { every, 2 },
			.text = sluice_str_of(built_in),
			.type = SLUICE_STR("text/html; charset=utf-8") };
	}
	const struct page **room = sluice_conf_alloc(inst, STATUSES * n * sizeof(*room));
	for (size_t i = 0; i < STATUSES; i++)
		p->of[i].v = room + i * n;
	for (size_t i = 0; i < n; i++) {
		if (page_check(inst, p, &v[i], i) < 0)
			rc = -1;
	}
	return rc;
}

/* ---- choosing ------------------------------------------------------------------------------ */

/* How much the client likes the body that is there. A client that takes JSON reads problem
 * documents (RFC 9457) as well. */
static uint16_t weight_now(sluice_str accept, sluice_str media)
{
	uint16_t own = media.len ? media_weight(accept, media) : 0;
	if (!sluice_str_ieq(media, SLUICE_STR("application/problem+json")))
		return own;
	uint16_t json = media_weight(accept, SLUICE_STR("application/json"));
	return json > own ? json : own;
}

const struct page *pages_choose(const struct choices *c, sluice_str accept, sluice_str media,
	enum answer_of of)
{
	const struct page *best = NULL, *always = NULL;
	/* A problem document stays unless the client likes a page better. What an upstream sent was
	 * to be replaced: there it is enough that it takes the page. */
	uint16_t weight = of == OF_UPSTREAM && media.len ? weight_now(accept, media) : 0;
	if (of == OF_GATEWAY)
		weight = weight_now(accept, media);
	for (size_t i = 0; i < c->n; i++) {
		uint16_t w = media_weight(accept, c->v[i]->media);
		bool is_better = w > weight || (w && w == weight && of == OF_UPSTREAM && !best);
		if (is_better) {
			best = c->v[i];
			weight = w;
		}
		if (c->v[i]->always && !always)
			always = c->v[i];
	}
	return best ? best : always;
}
