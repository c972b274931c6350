/* Rows of plugins with hooks of connections. See rows.h. */
#include "proxy/rows.h"

#include "policy/conn.h"

struct conn_gate *rows_new(struct proxy *p, const struct snapshot_listener *l)
{
	struct view *v = p->view;
	if (likely(!l->chain.sees_conns))
		return NULL;
	return &conn_row_new(p->worker, &l->chain, v->slots, &v->keeper, &p->rows)->gate;
}

static bool view_has(const struct view *v, const struct instance_worker *iw)
{
	for (size_t i = 0; i < v->snap->n_instances; i++) {
		if (v->slots[i] == iw)
			return true;
	}
	return false;
}

static bool view_has_all(const struct view *v, const struct conn_row *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		if (!view_has(v, r->v[i].iw))
			return false;
	}
	return true;
}

void rows_move(struct proxy *p)
{
	list_each (e, &p->rows) {
		struct conn_row *r = container_of(e, struct conn_row, link);
		if (view_has_all(p->view, r))
			conn_row_move(r, &p->view->keeper);
	}
}
