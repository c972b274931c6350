/* OPTIONS and Max-Forwards. See options.h. */
#include "proxy/options.h"

static const struct field *max_forwards(const struct request_head *h)
{
	return fields_find_name(&h->fields, STR("Max-Forwards"));
}

/* Whether a request may not go further. A value that is no number counts as none. */
static bool is_last(const struct request_head *h)
{
	const struct field *f = max_forwards(h);
	uint64_t n;
	return f && str_u64(field_value(f), &n) && n == 0;
}

bool options_is_ours(const struct request_head *h, const struct route_result *res)
{
	if (is_last(h))
		return true;
	return res->err == ERR_METHOD_NOT_ALLOWED ||
		(res->err == ERR_NO_ROUTE && str_eq(h->path, STR("*")));
}

int options_allow(const struct router *r, const struct route_asked *asked, struct arena *a,
	sluice_str *allow)
{
	struct route_result res;
	route_methods(r, asked, &res);
	if (res.err)
		return res.err;
	*allow = route_allow(r, &res, a);
	return allow->data ? 0 : ERR_NO_MEMORY;
}

int options_count_down(struct request_head *h, struct arena *a)
{
	const struct field *f = max_forwards(h);
	uint64_t n;
	if (!f || !str_u64(field_value(f), &n) || n == 0)
		return 0;
	sluice_str text = arena_printf(a, "%llu", (unsigned long long)n - 1);
	return text.data ? fields_set(&h->fields, a, STR("Max-Forwards"), text) : ERR_NO_MEMORY;
}
