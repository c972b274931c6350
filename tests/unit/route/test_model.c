/*
 * route/router against a model: random routes and random requests, and a matcher that knows no
 * table and no index, but only the documented order. It reads the texts of the routes itself. Seeds
 * are fixed.
 */
#include "route/explain.h"
#include "route/router.h"

#include "routes.h"

enum { ROUNDS = 400, ROUTES_MAX = 40, REQUESTS = 60 };

/* ---- chance -------------------------------------------------------------------------------- */

static uint64_t chance;

static unsigned pick(unsigned n) /* 0 .. n-1 */
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (unsigned)((chance >> 11) % n);
}

#define PICK(list) (list)[pick(sizeof(list) / sizeof((list)[0]))]

static const char *const hosts[] = { "", "", "*", "a.test", "b.a.test", "*.test", "*.a.test",
	"*.b.a.test" };
static const char *const asked_hosts[] = { "", "test", "a.test", "b.a.test", "c.a.test",
	"c.b.a.test", "other.example" };
static const char *const methods[] = { "", "", "GET", "GET POST", "POST PURGE", "BAN", "HEAD",
	"HEAD POST" };
static const char *const asked_methods[] = { "GET", "POST", "PURGE", "BAN", "PUT", "BREW", "HEAD" };
static const char *const headers[] = { "", "", "", "x=1", "x=2", "x=*", "x=regex:[12]", "y=1",
	"x=1 y=1" };
static const char *const asked_headers[] = { "", "x=1", "x=2", "x=3", "y=1", "x=1 y=1", "x=2 y=1",
	"x=2 y=2" };
static const char *const queries[] = { "", "", "", "q=1", "q=2", "q=*" };
static const char *const asked_queries[] = { "", "?q=1", "?q=2", "?q=3", "?r=1" };
static const char *const listeners[] = { "", "", "", "in", "out", "in out", "out side" };
static const char *const asked_listeners[] = { "in", "out", "side" };
static const char *const cookies[] = { "", "", "", "", "c=1", "c=2", "c=*", "c=1 d=1" };
static const char *const asked_cookies[] = { "", "c=1", "c=2", "c=1 d=1", "c=3 d=1" };
static const char *const clients[] = { "", "", "", "", "10.0.0.0/8", "10.1.0.0/16",
	"192.0.2.0/24 2001:db8::/32", "unix 10.1.0.0/16" };
static const char *const asked_clients[] = { "10.1.2.3", "10.2.2.3", "192.0.2.7", "2001:db8::7",
	"unix", "203.0.113.9" };
static const char *const expressions[] = { "regex:/a.*", "regex:/[ab]/.*", "regex:/.*b",
	"regex:/(a|b)" };

static const char *random_path(struct arena *a, bool pattern)
{
	static const char *const segments[] = { "a", "b", "c", "a", "b" };
	char text[64] = "";
	size_t at = 0;
	unsigned depth = pick(5);
	if (pattern && pick(12) == 0)
		return PICK(expressions);
	if (pattern && pick(20) == 0)
		return "";
	for (unsigned i = 0; i < depth; i++) {
		const char *s = PICK(segments);
		if (pattern && pick(3) == 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "/{%c%u}",
				'm' + (char)pick(3), i);
		else
			at += (size_t)snprintf(text + at, sizeof(text) - at, "/%s", s);
	}
	if (depth == 0 || pick(4) == 0)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
			pattern && pick(4) ? "/*" : "/");
	return arena_str(a, str_n(text, at)).data;
}

/* One text, or sometimes two or three. */
static const char *random_hosts(struct arena *a)
{
	sluice_str text = str_of(PICK(hosts));
	for (unsigned more = pick(4); more > 1 && text.len; more--) {
		const char *other = PICK(hosts);
		if (*other)
			text = arena_printf(a, "%.*s %s", STR_ARG(text), other);
	}
	return text.len ? arena_str(a, text).data : "";
}

static const char *random_paths(struct arena *a)
{
	sluice_str text = str_of(random_path(a, true));
	for (unsigned more = pick(4); more > 1 && text.len; more--) {
		const char *other = random_path(a, true);
		if (*other)
			text = arena_printf(a, "%.*s %s", STR_ARG(text), other);
	}
	return arena_str(a, text).data;
}

static struct row random_row(struct arena *a, unsigned i)
{
	return (struct row){ .name = arena_printf(a, "r%u", i).data,
		.host = random_hosts(a),
		.path = random_paths(a),
		.methods = PICK(methods),
		.headers = PICK(headers),
		.query = PICK(queries),
		.listener = PICK(listeners),
		.cookies = PICK(cookies),
		.client = PICK(clients) };
}

/* ---- the model ----------------------------------------------------------------------------- */

struct asked {
	const char *host, *path, *method, *headers, *query, *listener, *cookies, *client;
};

static bool words_have(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = strstr(list, word); p; p = strstr(p + 1, word)) {
		if ((p == list || p[-1] == ' ') && (p[n] == 0 || p[n] == ' '))
			return true;
	}
	return false;
}

/* The value of NAME in "NAME=value NAME=value", or NULL. Values are one character. */
static const char *pair_value(const char *list, char name)
{
	static char value[2];
	for (const char *p = list; *p; p++) {
		if (p[0] == name && p[1] == '=' && (p == list || p[-1] == ' ' || p[-1] == '?')) {
			value[0] = p[2];
			return value;
		}
	}
	return NULL;
}

/* How a value is asked for: "1", "2", "*", "regex:[12]". */
static bool model_pairs(const char *wanted, const char *have)
{
	for (const char *p = wanted; *p;) {
		const char *value = pair_value(have, *p);
		bool met = value &&
			(p[2] == '*' || p[2] == value[0] ||
				(p[2] == 'r' && strchr("12", value[0])));
		if (!met)
			return false;
		p = strchr(p, ' ') ? strchr(p, ' ') + 1 : "";
	}
	return true;
}

static unsigned words_count(const char *list)
{
	unsigned n = *list != 0;
	for (const char *p = list; *p; p++)
		n += *p == ' ';
	return n;
}

static unsigned model_conditions(const struct row *r)
{
	return (*r->methods != 0) + words_count(r->headers) + words_count(r->query) +
		(*r->listener != 0) + words_count(r->cookies) + (*r->client != 0);
}

static bool model_client(const char *list, const char *client)
{
	return (words_have(list, "10.0.0.0/8") && strncmp(client, "10.", 3) == 0) ||
		(words_have(list, "10.1.0.0/16") && strncmp(client, "10.1.", 5) == 0) ||
		(words_have(list, "192.0.2.0/24") && strncmp(client, "192.0.2.", 8) == 0) ||
		(words_have(list, "2001:db8::/32") && strncmp(client, "2001:db8:", 9) == 0) ||
		(words_have(list, "unix") && strcmp(client, "unix") == 0);
}

/* The i-th word of a list into word; an empty list has one empty word. False: there is none. */
static bool word_at(const char *list, unsigned i, char word[64])
{
	const char *p = list;
	for (; i > 0 && p; i--)
		p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL;
	if (!p)
		return false;
	(void)snprintf(word, 64, "%.*s", (int)strcspn(p, " "), p);
	return true;
}

static bool model_host(const char *pattern, const char *host)
{
	size_t n = strlen(pattern), len = strlen(host);
	if (n == 0 || strcmp(pattern, "*") == 0)
		return true;
	if (*pattern != '*')
		return strcmp(pattern, host) == 0;
	return len > n - 1 && strcmp(host + len - (n - 1), pattern + 1) == 0;
}

static bool model_expression(const char *pattern, const char *path)
{
	size_t n = strlen(path);
	if (strcmp(pattern, "regex:/a.*") == 0)
		return strncmp(path, "/a", 2) == 0;
	if (strcmp(pattern, "regex:/[ab]/.*") == 0)
		return strncmp(path, "/a/", 3) == 0 || strncmp(path, "/b/", 3) == 0;
	if (strcmp(pattern, "regex:/.*b") == 0)
		return n > 1 && path[n - 1] == 'b';
	return strcmp(path, "/a") == 0 || strcmp(path, "/b") == 0;
}

static bool model_path(const char *pattern, const char *path)
{
	if (*pattern == 'r')
		return model_expression(pattern, path);
	while (*pattern) {
		if (strcmp(pattern, "/*") == 0)
			return *path == 0 || *path == '/';
		if (*pattern++ != *path++)
			return false;
		size_t n = strcspn(path, "/"), m = strcspn(pattern, "/");
		if (*pattern == '{' ? n == 0 : n != m || strncmp(pattern, path, n) != 0)
			return false;
		pattern += m;
		path += n;
	}
	return *path == 0;
}

/* Whether the row takes the request at some host and path, the method left aside. */
static bool model_meets(const struct row *r, const struct asked *q)
{
	return (*r->listener == 0 || words_have(r->listener, q->listener)) &&
		(*r->client == 0 || model_client(r->client, q->client)) &&
		model_pairs(r->headers, q->headers) && model_pairs(r->query, q->query) &&
		model_pairs(r->cookies, q->cookies);
}

static bool model_lists_method(const struct row *r, const char *method)
{
	return *r->methods == 0 || words_have(r->methods, method);
}

static bool model_takes_method(const struct row *r, const struct asked *q)
{
	return model_lists_method(r, q->method) ||
		(strcmp(q->method, "HEAD") == 0 && words_have(r->methods, "GET"));
}

static bool host_is_any(const char *host)
{
	return *host == 0 || strcmp(host, "*") == 0;
}

/* The place in the file of the first expression with that text among those of that host. */
static unsigned model_regex_place(const struct row *rows, const char *host, const char *path)
{
	char h[64], p[64];
	unsigned place = 0;
	for (const struct row *r = rows;; r++) {
		for (unsigned i = 0; word_at(r->path, i, p); i++) {
			place++;
			for (unsigned k = 0; strcmp(p, path) == 0 && word_at(r->host, k, h); k++) {
				if (strcmp(h, host) == 0 || (host_is_any(h) && host_is_any(host)))
					return place;
			}
		}
	}
}

/* Where a host and path of a row stand in the order, as a string: of two, the one that compares
 * less is the more specific. */
static void model_leaf(const struct row *rows, const char *host, const char *path, char key[256])
{
	bool any = host_is_any(host);
	size_t n = (size_t)snprintf(key, 256, "%c%03zu ",
		any                    ? '2'
			: *host == '*' ? '1'
				       : '0',
		any ? 0 : 300 - strlen(host));
	if (*path == 'r') {
		(void)snprintf(key + n, 256 - n, "2%05u", model_regex_place(rows, host, path));
		return;
	}
	if (*path == 0 || strcmp(path, "/*") == 0) {
		(void)snprintf(key + n, 256 - n, "3");
		return;
	}
	unsigned literals = 0;
	char kinds[32] = "";
	for (const char *p = path; *p; p += 1 + strcspn(p + 1, "/")) {
		char kind = p[1] == '{' ? 'b' : p[1] == '*' ? 'd' : 'a';
		kinds[strlen(kinds)] = kind;
		literals += kind == 'a';
	}
	if (kinds[strlen(kinds) - 1] != 'd')
		kinds[strlen(kinds)] = 'c';
	(void)snprintf(key + n, 256 - n, strpbrk(path, "{*") ? "1%02u%s" : "0", 99 - literals,
		kinds);
}

/* The first place in the order at which the row matches host and path. False: at none. */
static bool model_best_leaf(const struct row *rows, const struct row *r, const struct asked *q,
	char best[256])
{
	char host[64], path[64], key[256];
	bool found = false;
	for (unsigned i = 0; word_at(r->host, i, host); i++) {
		for (unsigned k = 0; model_host(host, q->host) && word_at(r->path, k, path); k++) {
			if (*path && !model_path(path, q->path))
				continue;
			model_leaf(rows, host, path, key);
			if (found && strcmp(best, key) <= 0)
				continue;
			found = true;
			memcpy(best, key, sizeof(key));
		}
	}
	return found;
}

static bool model_takes(const struct row *rows, const struct row *r, const struct asked *q)
{
	char leaf[256];
	return model_best_leaf(rows, r, q, leaf) && model_meets(r, q);
}

/* A row that takes the request: where, and how it is compared there. */
struct model_found {
	const struct row *row;
	char leaf[256], key[300];
};

static bool model_look(const struct row *rows, const struct row *r, const struct asked *q,
	struct model_found *f)
{
	f->row = r;
	if (!model_best_leaf(rows, r, q, f->leaf) || !model_meets(r, q))
		return false;
	(void)snprintf(f->key, sizeof(f->key), "%s %02u", f->leaf, 99 - model_conditions(r));
	return true;
}

/* For HEAD, a row of the same host and path that lists it. */
static const struct row *model_find_head(const struct row *rows, size_t n, const struct asked *q,
	const struct model_found *like_get)
{
	struct model_found best = *like_get, f;
	for (size_t i = 0; i < n; i++) {
		if (!*rows[i].methods || !words_have(rows[i].methods, "HEAD") ||
			!model_look(rows, &rows[i], q, &f) || strcmp(f.leaf, like_get->leaf) != 0)
			continue;
		if (best.row == like_get->row || strcmp(f.key, best.key) < 0)
			best = f;
	}
	return best.row;
}

/* The row that wins, or NULL; *other_methods: there are routes for other methods. */
static const struct row *model_find(const struct row *rows, size_t n, const struct asked *q,
	bool *other_methods)
{
	struct model_found best = { .row = NULL }, f;
	bool is_head = strcmp(q->method, "HEAD") == 0;
	*other_methods = false;
	for (size_t i = 0; i < n; i++) {
		if (!model_look(rows, &rows[i], q, &f))
			continue;
		if (!model_takes_method(&rows[i], q)) {
			*other_methods = true;
			continue;
		}
		int d = best.row ? strcmp(f.key, best.key) : -1;
		if (d == 0 && !is_head)
			fail_msg("%s and %s take one request and were not told to be in conflict",
				best.row->name, rows[i].name);
		if (d < 0)
			best = f;
	}
	if (is_head && best.row && !model_lists_method(best.row, "HEAD"))
		return model_find_head(rows, n, q, &best);
	return best.row;
}

/* Whether two rows that tie are both met by some request, by a method that both list; every
 * combination of what conditions look at is tried. */
static bool model_overlap(const struct row *a, const struct row *b)
{
	static const char *const fields[] = { "", "x=1", "x=2", "x=3", "y=1", "y=2", "x=1 y=1",
		"x=2 y=1", "x=3 y=1", "x=1 y=2", "x=2 y=2", "x=3 y=2" };
	static const char *const more_cookies[] = { "", "c=1", "c=2", "c=3", "c=1 d=1", "c=2 d=1",
		"c=3 d=1" };
	const size_t sizes[] = { sizeof(asked_methods), sizeof(fields), sizeof(asked_queries),
		sizeof(asked_listeners), sizeof(more_cookies), sizeof(asked_clients) };
	size_t total = 1, at[6];
	for (unsigned i = 0; i < 6; i++)
		total *= sizes[i] / sizeof(char *);
	for (size_t k = 0; k < total; k++) {
		size_t rest = k;
		for (unsigned i = 0; i < 6; i++) {
			at[i] = rest % (sizes[i] / sizeof(char *));
			rest /= sizes[i] / sizeof(char *);
		}
		const struct asked q = { "", "", asked_methods[at[0]], fields[at[1]],
			asked_queries[at[2]], asked_listeners[at[3]], more_cookies[at[4]],
			asked_clients[at[5]] };
		if (model_lists_method(a, q.method) && model_lists_method(b, q.method) &&
			model_meets(a, &q) && model_meets(b, &q))
			return true;
	}
	return false;
}

/* ---- the comparison ------------------------------------------------------------------------ */

struct conflicts {
	const struct row *rows;
	bool drop[ROUTES_MAX];
	unsigned n;
};

/* Whether the rows have a host and a path in common. */
static bool model_same_leaf(const struct row *rows, const struct row *a, const struct row *b)
{
	char host[64], path[64], other_host[64], other_path[64], x[256], y[256];
	for (unsigned i = 0; word_at(a->host, i, host); i++)
		for (unsigned k = 0; word_at(a->path, k, path); k++)
			for (unsigned m = 0; word_at(b->host, m, other_host); m++) {
				if (strcmp(host, other_host) != 0 &&
					!(host_is_any(host) && host_is_any(other_host)))
					continue;
				for (unsigned n = 0; word_at(b->path, n, other_path); n++) {
					model_leaf(rows, host, path, x);
					model_leaf(rows, other_host, other_path, y);
					if (strcmp(x, y) == 0)
						return true;
				}
			}
	return false;
}

static void conflicts_add(void *ctx, const struct route_error *e)
{
	struct conflicts *c = ctx;
	const struct row *a = e->spec->mark, *b = e->other ? e->other->mark : NULL;
	if (!b)
		fail_msg("%s: %s", a->path, e->text);
	if (!model_same_leaf(c->rows, a, b) || model_conditions(a) != model_conditions(b) ||
		!model_overlap(a, b))
		fail_msg("%s and %s are no conflict", a->name, b->name);
	c->drop[a - c->rows] = true;
	c->n++;
}

/* Routes that are in conflict are taken out, until none is. */
static struct router *random_router(struct arena *a, struct row *rows, size_t *n)
{
	for (;;) {
		struct conflicts c = { .rows = rows };
		struct router *r = router_new(a, rows_specs(a, rows, *n), *n, conflicts_add, &c);
		if (r)
			return r;
		assert_int_not_equal(c.n, 0);
		size_t kept = 0;
		for (size_t i = 0; i < *n; i++) {
			if (!c.drop[i])
				rows[kept++] = rows[i];
		}
		*n = kept;
	}
}

struct seen {
	unsigned n, wins;
	const struct route_rule *winner;
	const struct asked *q;
	const struct row *rows;
};

static void explained(void *ctx, const struct route_explanation *e)
{
	struct seen *s = ctx;
	const struct row *row = e->rule->mark;
	bool takes = model_takes(s->rows, row, s->q) && model_takes_method(row, s->q);
	char text[256];
	s->n++;
	s->wins += e->verdict == ROUTE_WINS;
	if (e->rule == s->winner)
		assert_int_equal(e->verdict, ROUTE_WINS);
	else if (e->verdict != (takes ? ROUTE_OUTRANKED : ROUTE_FAILS))
		fail_msg("%s explains itself by %d", row->name, (int)e->verdict);
	assert_int_not_equal(route_explanation_text(e, text, sizeof(text)), 0);
}

/* "x=1 y=1" and the cookies, which are one field or several. */
static const char *asked_fields(struct arena *a, const struct asked *q)
{
	static const char *const joints[] = { ";", "; ", " cookie=" };
	const char *joint = joints[strlen(q->path) % 2 ? 2 : 0], *blank = strchr(q->cookies, ' ');
	if (!*q->cookies)
		return q->headers;
	if (!blank)
		return arena_printf(a, "%s cookie=%s", q->headers, q->cookies).data;
	return arena_printf(a, "%s cookie=%.*s%s%s", q->headers, (int)(blank - q->cookies),
		q->cookies, joint, blank + 1)
		.data;
}

static void compare(const struct router *r, const struct row *rows, size_t n, const struct asked *q,
	struct arena *a)
{
	struct route_result res;
	bool other_methods;
	const char *line = arena_printf(a, "%s %s%s%s", q->method, q->host, q->path, q->query).data;
	struct request_head h = request_of(a, line, asked_fields(a, q));
	const struct route_asked asked = { &h, str_of(q->listener), str_of(q->client), NULL };
	const struct route_rule *got = route_find(r, &asked, &res);
	const struct row *want = model_find(rows, n, q, &other_methods);
	int err = want ? 0 : other_methods ? ERR_METHOD_NOT_ALLOWED : ERR_NO_ROUTE;

	if ((got ? got->mark : NULL) != want || res.err != err)
		fail_msg("%s [%s] [%s] of %s on %s finds %s (%s), not %s (%s)", line, q->headers,
			q->cookies, q->client, q->listener, got ? got->name.data : "nothing",
			err_code(res.err), want ? want->name : "nothing", err_code(err));
	struct seen s = { .winner = got, .q = q, .rows = rows };
	assert_ptr_equal(route_explain(r, &asked, &res, explained, &s), got);
	assert_int_equal(s.n, n);
	assert_int_equal(s.wins, got != NULL);
}

TEST(model)
{
	unsigned found = 0;
	chance = 0x9e3779b97f4a7c15ull;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct row rows[ROUTES_MAX + 1] = { 0 };
		struct arena a;
		arena_init(&a, 0);
		size_t n = 1 + pick(ROUTES_MAX);
		for (unsigned i = 0; i < n; i++)
			rows[i] = random_row(&a, i);
		struct router *r = random_router(&a, rows, &n);
		for (unsigned i = 0; i < REQUESTS; i++) {
			struct asked q = { PICK(asked_hosts), random_path(&a, false),
				PICK(asked_methods), PICK(asked_headers), PICK(asked_queries),
				PICK(asked_listeners), PICK(asked_cookies), PICK(asked_clients) };
			compare(r, rows, n, &q, &a);
			found++;
		}
		router_free(&r);
		arena_fini(&a);
	}
	assert_int_equal(found, ROUNDS * REQUESTS);
	regex_thread_fini();
	arena_thread_fini();
}
