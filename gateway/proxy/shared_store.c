/* Stores that outlive a snapshot. Main thread. */
#include "proxy/shared_store.h"

#include <stdlib.h>

#include "policy/text.h"

static struct list shared = { &shared, &shared };

struct shared_store *shared_store_get(sluice_str name, const struct node *n, const struct store_args *args)
{
	struct arena a;
	arena_init(&a, 0);
	sluice_str text = node_text(n, &a);
	list_each(e, &shared) {
		struct shared_store *s = container_of(e, struct shared_store, link);
		if (str_eq(s->name, name) && str_eq(s->text, text)) {
			arena_fini(&a);
			s->refs++;
			return s;
		}
	}
	struct sluice_store *store = store_new(args);
	if (!store) {
		arena_fini(&a);
		return NULL;
	}
	struct shared_store *s = calloc(1, sizeof(*s));
	check(s, "out of memory: a store");
	s->store = store;
	s->name = arena_str(&a, name);
	s->text = text;
	s->arena = a;
	s->refs = 1;
	list_push(&shared, &s->link);
	return s;
}

void shared_store_unref(struct shared_store *s)
{
	if (--s->refs)
		return;
	list_del(&s->link);
	store_free(&s->store);
	arena_fini(&s->arena);
	free(s);
}
