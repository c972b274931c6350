/* HTTP fetches with scripted answers, in the place of upstream/fetch. */
#include <stdlib.h>

#include "base/mem.h"
#include "kit_internal.h"
#include "upstream/fetch.h"

enum { FIELDS = 16, AS_OTHERS = -1 };

struct answer {
	struct answer *next;
	const char *url, *body; /* body NULL: the fetch ends with status */
	int code;
	int64_t after_ms; /* AS_OTHERS: kit_fetch_delay() says it */
	sluice_pair fields[FIELDS];
	size_t n_fields;
	sluice_status status;
};

/* a fetch that was begun, and what it asked */
struct tally {
	struct tally *next;
	const char *url, *method, *body, *proxy;
	sluice_pair *fields;
	size_t n_fields;
};

struct fetch {
	struct timer timer;
	const char *url; /* borrowed: of its tally */
	uint64_t takes_ms, timeout_ms;
	size_t max_body;
	void *user;
	fetch_fn fn;
	void *ctx;
};

static struct answer *answers; /* the newest first; in kit_arena, like the next */
static struct tally *tallies;
static uint64_t delay_ms;

void kit_fetch_reset(void)
{
	answers = NULL;
	tallies = NULL;
	delay_ms = 5;
}

static struct answer *answer_add(const char *url)
{
	struct answer *a = arena_new(&kit_arena, struct answer);
	*a = (struct answer){ .next = answers, .url = kit_keep(url), .after_ms = AS_OTHERS };
	answers = a;
	return a;
}

void kit_fetch_answer(const char *url, int code, const char *body)
{
	struct answer *a = answer_add(url);
	a->code = code;
	a->body = kit_keep(body);
}

void kit_fetch_fail(const char *url, sluice_status status)
{
	answer_add(url)->status = status;
}

void kit_fetch_field(const char *name, const char *value)
{
	struct answer *a = answers;
	if (!a || a->n_fields == FIELDS)
		kit_die("a field for no answer, or more than %d", FIELDS);
	a->fields[a->n_fields++] = (sluice_pair){ str_of(kit_keep(name)), str_of(kit_keep(value)) };
}

void kit_fetch_after(uint64_t ms)
{
	if (!answers)
		kit_die("a time for no answer");
	answers->after_ms = (int64_t)ms;
}

void kit_fetch_delay(uint64_t ms)
{
	delay_ms = ms;
}

unsigned kit_fetches(const char *url)
{
	unsigned n = 0;
	for (struct tally *t = tallies; t; t = t->next)
		n += !url || strcmp(t->url, url) == 0;
	return n;
}

/* NUL-terminated. */
static sluice_str keep_str(sluice_str s)
{
	return arena_str(&kit_arena, s);
}

static struct tally *tally_add(const sluice_fetch_request *r)
{
	struct tally *t = arena_new(&kit_arena, struct tally);
	size_t n = r->headers.n;
	*t = (struct tally){ .next = tallies,
		.url = keep_str(r->url).data,
		.method = keep_str(r->method).data,
		.body = keep_str(r->body).data,
		.proxy = arena_printf(&kit_arena, "%.*s%s%.*s", STR_ARG(r->proxy),
			r->proxy_credentials.len ? " " : "", STR_ARG(r->proxy_credentials))
				 .data,
		.fields = arena_alloc(&kit_arena, (n + 1) * sizeof(sluice_pair)),
		.n_fields = n };
	for (size_t i = 0; i < n; i++)
		t->fields[i] = (sluice_pair){ keep_str(r->headers.v[i].name),
			keep_str(r->headers.v[i].value) };
	tallies = t;
	return t;
}

static const struct tally *tally_last(void)
{
	if (!tallies)
		kit_die("no fetch was begun");
	return tallies;
}

const char *kit_fetch_url(void)
{
	return tally_last()->url;
}

const char *kit_fetch_method(void)
{
	return tally_last()->method;
}

const char *kit_fetch_body(void)
{
	return tally_last()->body;
}

const char *kit_fetch_proxy(void)
{
	return tally_last()->proxy;
}

const char *kit_fetch_header(const char *name)
{
	const struct tally *t = tally_last();
	for (size_t i = 0; i < t->n_fields; i++) {
		if (str_ieq(t->fields[i].name, str_of(name)))
			return t->fields[i].value.data;
	}
	return NULL;
}

static const struct answer *answer_find(const char *url)
{
	const struct answer *a = answers;
	while (a && strcmp(a->url, url) != 0)
		a = a->next;
	return a;
}

static sluice_fetch_response fetch_end(const struct fetch *f)
{
	sluice_fetch_response r = { .size = sizeof(r), .user = f->user };
	const struct answer *a = answer_find(f->url);
	if (f->takes_ms >= f->timeout_ms)
		r.status = SLUICE_TIMEOUT;
	else if (!a)
		r.status = SLUICE_UNREACHABLE;
	else if (!a->body)
		r.status = a->status;
	else if (strlen(a->body) > f->max_body)
		r.status = SLUICE_ERROR;
	else
		r.code = a->code, r.body = str_of(a->body), r.headers = a->fields,
		r.n_headers = a->n_fields;
	if (r.status != SLUICE_OK)
		r.error = "the scripted fetch failed";
	return r;
}

static void fetch_on_due(struct timer *t)
{
	struct fetch *f = container_of(t, struct fetch, timer);
	sluice_fetch_response r = fetch_end(f);
	fetch_fn fn = f->fn;
	void *ctx = f->ctx;
	fetch_cancel(f);
	fn(ctx, &r);
}

struct fetch *fetch_start(struct worker *w, const sluice_fetch_request *r,
	const struct fetch_way *way, fetch_fn fn, void *ctx, const char **why)
{
	bool is_path = way->upstream && str_starts(r->url, STR("/"));
	if (r->size != sizeof(*r))
		kit_die("sluice_fetch_request.size is %zu", r->size);
	if (!is_path && !str_starts(r->url, STR("http://")) &&
		!str_starts(r->url, STR("https://"))) {
		*why = "the URL is none of http or https";
		return NULL;
	}
	struct fetch *f = mem_new(struct fetch);
	f->url = tally_add(r)->url;
	f->timeout_ms = r->timeout_ms ? r->timeout_ms : 5000;
	f->max_body = r->max_body ? r->max_body : 1 << 20;
	f->user = r->user;
	f->fn = fn;
	f->ctx = ctx;
	const struct answer *a = answer_find(f->url);
	bool as_others = !a || a->after_ms == AS_OTHERS;
	f->takes_ms = kit_takes(as_others ? delay_ms : (uint64_t)a->after_ms, f->timeout_ms);
	timer_init(&f->timer, fetch_on_due);
	worker_timer(w, &f->timer,
		(f->takes_ms < f->timeout_ms ? f->takes_ms : f->timeout_ms) * NS_PER_MS);
	return f;
}

void fetch_cancel(struct fetch *f)
{
	timer_drop(&f->timer);
	free(f);
}
