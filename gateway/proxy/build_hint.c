/* Help for whoever wrote a name that is not there. */
#include "proxy/build.h"

void build_hint_names(struct build *b, sluice_str name, size_t n,
	sluice_str (*at)(struct build *b, size_t i), const char *what)
{
	size_t best = n;
	unsigned distance = 4;
	for (size_t i = 0; i < n; i++) {
		unsigned d = str_distance(name, at(b, i), 3);
		if (d < distance) {
			distance = d;
			best = i;
		}
	}
	if (best < n)
		diag_hint(b->diag, "did you mean \"%.*s\"?", STR_ARG(at(b, best)));
	else if (n == 0)
		diag_hint(b->diag, "no %s is declared", what);
}

sluice_str build_named(struct build *b, size_t i)
{
	return b->named[i].name;
}
