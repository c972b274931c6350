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
static const char *const methods[] = { "", "", "GET", "GET POST", "POST PURGE", "BAN" };
static const char *const asked_methods[] = { "GET", "POST", "PURGE", "BAN", "PUT", "BREW" };
static const char *const headers[] = { "", "", "", "x=1", "x=2", "x=*", "x=regex:[12]", "y=1",
	"x=1 y=1" };
static const char *const asked_headers[] = { "", "x=1", "x=2", "x=3", "y=1", "x=1 y=1", "x=2 y=1",
	"x=2 y=2" };
static const char *const queries[] = { "", "", "", "q=1", "q=2", "q=*" };
static const char *const asked_queries[] = { "", "?q=1", "?q=2", "?q=3", "?r=1" };
static const char *const listeners[] = { "", "", "", "in", "out" };
static const char *const asked_listeners[] = { "in", "out" };
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

static struct row random_row(struct arena *a, unsigned i)
{
	return (struct row){ .name = arena_printf(a, "r%u", i).data,
		.host = PICK(hosts),
		.path = random_path(a, true),
		.methods = PICK(methods),
		.headers = PICK(headers),
		.query = PICK(queries),
		.listener = PICK(listeners) };
}

/* ---- the model ----------------------------------------------------------------------------- */

struct asked {
	const char *host, *path, *method, *headers, *query, *listener;
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
		(*r->listener != 0);
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

static bool model_takes(const struct row *r, const struct asked *q)
{
	return model_host(r->host, q->host) && (*r->path == 0 || model_path(r->path, q->path)) &&
		(*r->listener == 0 || strcmp(r->listener, q->listener) == 0) &&
		model_pairs(r->headers, q->headers) && model_pairs(r->query, q->query);
}

static bool model_takes_method(const struct row *r, const struct asked *q)
{
	return *r->methods == 0 || words_have(r->methods, q->method);
}

/* A row's place in the order as a string: of two, the one that compares less is the more
 * specific. */
static void model_key(const struct row *rows, const struct row *r, char key[256])
{
	size_t n;
	bool any = *r->host == 0 || strcmp(r->host, "*") == 0;
	n = (size_t)snprintf(key, 256, "%c%03zu ",
		any                       ? '2'
			: *r->host == '*' ? '1'
					  : '0',
		any ? 0 : 300 - strlen(r->host));
	if (*r->path == 'r') {
		const struct row *first = rows;
		while (strcmp(first->path, r->path) != 0)
			first++;
		n += (size_t)snprintf(key + n, 256 - n, "2%05td", first - rows);
	} else if (*r->path == 0 || strcmp(r->path, "/*") == 0) {
		n += (size_t)snprintf(key + n, 256 - n, "3");
	} else {
		const char *path = r->path;
		bool exact = !strpbrk(path, "{*");
		unsigned literals = 0;
		char kinds[32] = "";
		for (const char *p = path; *p; p += 1 + strcspn(p + 1, "/")) {
			char kind = p[1] == '{' ? 'b' : p[1] == '*' ? 'd' : 'a';
			kinds[strlen(kinds)] = kind;
			literals += kind == 'a';
		}
		if (kinds[strlen(kinds) - 1] != 'd')
			kinds[strlen(kinds)] = 'c';
		n += (size_t)snprintf(key + n, 256 - n, exact ? "0" : "1%02u%s", 99 - literals,
			kinds);
	}
	(void)snprintf(key + n, 256 - n, " %02u", 99 - model_conditions(r));
}

/* The row that wins, or NULL; *other_methods: there are routes for other methods. */
static const struct row *model_find(const struct row *rows, size_t n, const struct asked *q,
	bool *other_methods)
{
	const struct row *best = NULL;
	char best_key[256] = "", key[256];
	*other_methods = false;
	for (size_t i = 0; i < n; i++) {
		if (!model_takes(&rows[i], q))
			continue;
		if (!model_takes_method(&rows[i], q)) {
			*other_methods = true;
			continue;
		}
		model_key(rows, &rows[i], key);
		int d = best ? strcmp(key, best_key) : -1;
		if (d == 0)
			fail_msg("%s and %s take one request and were not told to be in conflict",
				best->name, rows[i].name);
		if (d < 0) {
			best = &rows[i];
			memcpy(best_key, key, sizeof(key));
		}
	}
	return best;
}

/* Whether two rows that tie are both met by some request; every combination of what conditions look
 * at is tried. */
static bool model_overlap(const struct row *a, const struct row *b)
{
	static const char *const fields[] = { "", "x=1", "x=2", "x=3", "y=1", "y=2", "x=1 y=1",
		"x=2 y=1", "x=3 y=1", "x=1 y=2", "x=2 y=2", "x=3 y=2" };
	for (size_t m = 0; m < sizeof(asked_methods) / sizeof(asked_methods[0]); m++) {
		for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
			for (size_t i = 0; i < 2 * sizeof(asked_queries) / sizeof(asked_queries[0]);
				i++) {
				struct asked q = { "", "", asked_methods[m], fields[f],
					asked_queries[i / 2], asked_listeners[i % 2] };
				struct row x = *a, y = *b;
				x.host = y.host = x.path = y.path = "";
				if (model_takes(&x, &q) && model_takes(&y, &q) &&
					model_takes_method(&x, &q) && model_takes_method(&y, &q))
					return true;
			}
		}
	}
	return false;
}

/* ---- the comparison ------------------------------------------------------------------------ */

struct conflicts {
	const struct row *rows;
	bool drop[ROUTES_MAX];
	unsigned n;
};

static bool model_same_path(const struct row *rows, const struct row *a, const struct row *b)
{
	char x[256], y[256];
	model_key(rows, a, x);
	model_key(rows, b, y);
	return strcmp(x, y) == 0;
}

static void conflicts_add(void *ctx, const struct route_error *e)
{
	struct conflicts *c = ctx;
	const struct row *a = e->spec->mark, *b = e->other ? e->other->mark : NULL;
	if (!b)
		fail_msg("%s: %s", a->path, e->text);
	if (!model_same_path(c->rows, a, b) || !model_overlap(a, b))
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
};

static void explained(void *ctx, const struct route_explanation *e)
{
	struct seen *s = ctx;
	const struct row *row = e->rule->mark;
	bool takes = model_takes(row, s->q) && model_takes_method(row, s->q);
	char text[256];
	s->n++;
	s->wins += e->verdict == ROUTE_WINS;
	if (e->rule == s->winner)
		assert_int_equal(e->verdict, ROUTE_WINS);
	else if (e->verdict != (takes ? ROUTE_OUTRANKED : ROUTE_FAILS))
		fail_msg("%s explains itself by %d", row->name, (int)e->verdict);
	assert_int_not_equal(route_explanation_text(e, text, sizeof(text)), 0);
}

static void compare(const struct router *r, const struct row *rows, size_t n, const struct asked *q,
	struct arena *a)
{
	struct route_result res;
	bool other_methods;
	const char *line = arena_printf(a, "%s %s%s%s", q->method, q->host, q->path, q->query).data;
	struct request_head h = request_of(a, line, q->headers);
	const struct route_rule *got = route_find(r, &h, str_of(q->listener), NULL, &res);
	const struct row *want = model_find(rows, n, q, &other_methods);
	int err = want ? 0 : other_methods ? ERR_METHOD_NOT_ALLOWED : ERR_NO_ROUTE;

	if ((got ? got->mark : NULL) != want || res.err != err)
		fail_msg("%s [%s] on %s finds %s (%s), not %s (%s)", line, q->headers, q->listener,
			got ? got->name.data : "nothing", err_code(res.err),
			want ? want->name : "nothing", err_code(err));
	struct seen s = { .winner = got, .q = q };
	assert_ptr_equal(route_explain(r, &h, str_of(q->listener), &res, explained, &s), got);
	assert_int_equal(s.n, n);
	assert_int_equal(s.wins, got != NULL);
}

TEST(model)
{
	unsigned found = 0;
	chance = 0x9e3779b97f4a7c15ull;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct row rows[ROUTES_MAX];
		struct arena a;
		arena_init(&a, 0);
		size_t n = 1 + pick(ROUTES_MAX);
		for (unsigned i = 0; i < n; i++)
			rows[i] = random_row(&a, i);
		struct router *r = random_router(&a, rows, &n);
		for (unsigned i = 0; i < REQUESTS; i++) {
			struct asked q = { PICK(asked_hosts), random_path(&a, false),
				PICK(asked_methods), PICK(asked_headers), PICK(asked_queries),
				PICK(asked_listeners) };
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
