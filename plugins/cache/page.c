/* What the plugin keeps of an exchange. See the header. */
#include "page.h"

/* However the exchange ends. */
static void page_drop(void *arg)
{
	struct page *p = arg;
	p->is_dropped = true;
	sluice_object_release(p->object);
	sluice_object_abort(p->writer);
	p->object = NULL;
	p->writer = NULL;
	(void)flight_end(&p->flight, FLIGHT_LEFT);
	flight_leave(&p->waiter);
}

bool page_hold(sluice_exchange *x, struct page *p)
{
	sluice_cleanup(x, page_drop, p);
	return !p->is_dropped;
}

sluice_str page_keep(sluice_exchange *x, sluice_str text)
{
	char *copy = sluice_alloc(x, text.len + 1);
	if (!copy)
		return SLUICE_STR_NONE;
	return sluice_str_n(copy, (size_t)(sluice_str_put(copy, text) - copy));
}

bool page_fields(sluice_exchange *x, sluice_side side, const sluice_pair **v, size_t *n)
{
	sluice_pair f, *all;
	size_t count = 0, i = 0;
	for (size_t at = 0; sluice_field_next(x, side, &at, &f);)
		count++;
	all = sluice_alloc(x, (count + 1) * sizeof(*all));
	for (size_t at = 0; all && i < count && sluice_field_next(x, side, &at, &all[i]);)
		i++;
	*v = all;
	*n = i;
	return all != NULL;
}

void page_count(const struct cache *c, const char *result)
{
	sluice_metric_add(c->requests, sluice_str_of(result), 1);
}
