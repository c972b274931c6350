/* For the tests of this folder: a text parsed, and what was reported. */
#ifndef TEST_PARSED_H
#define TEST_PARSED_H

#include <stdlib.h>

#include "config/yaml.h"

struct parsed {
	struct arena arena;
	struct diag diag;
	const struct node *root;
	char *report;
};

/* The environment of the tests: A=alpha, EMPTY is empty, BAD is not UTF-8, DEEP looks like YAML and
 * a reference, LONG has 999 bytes. */
static const char *parsed_get(void *ctx, const char *name)
{
	static const char *const vars[][2] = {
		{ "A", "alpha" },
		{ "EMPTY", "" },
		{ "BAD", "a\xff" },
		{ "DEEP", "{ x: ${A} }" },
		{ "NULL", "null" },
		{ "N_1", "1" },
	};
	static char large[1000];
	(void)ctx;
	if (strcmp(name, "LONG") == 0)
		return memset(large, 'x', sizeof(large) - 1);
	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]); i++) {
		if (strcmp(vars[i][0], name) == 0)
			return vars[i][1];
	}
	return NULL;
}

static const struct env parsed_env = { .get = parsed_get };

static inline void parsed_report(struct parsed *p)
{
	size_t n;
	free(p->report);
	FILE *to = open_memstream(&p->report, &n);
	diag_print(&p->diag, to);
	(void)fclose(to);
}

static inline void parsed_init_n(struct parsed *p, const char *text, size_t n)
{
	*p = (struct parsed){ .root = NULL };
	arena_init(&p->arena, 0);
	diag_init(&p->diag);
	p->root = yaml_parse(&p->arena, &p->diag, &parsed_env, "t.yaml", str_n(text, n));
	parsed_report(p);
}

static inline void parsed_init(struct parsed *p, const char *text)
{
	parsed_init_n(p, text, strlen(text));
}

static inline void parsed_fini(struct parsed *p)
{
	free(p->report);
	diag_fini(&p->diag);
	arena_fini(&p->arena);
	arena_thread_fini();
}

#endif
