/* The fake host's bodies: what a hook is shown, what it leaves, and what leaves it. */
#include <stdlib.h>

#include "fakehost_internal.h"

static void append(char **at, size_t *n, const char *bytes, size_t more)
{
	char *grown = realloc(*at, *n + more + 1);
	if (!grown)
		fake_die("out of memory");
	if (more)
		memcpy(grown + *n, bytes, more);
	*at = grown;
	*n += more;
	grown[*n] = '\0';
}

static struct fake_stage *at_work(sluice_exchange *x)
{
	if (fake_in_hook != x || !x->stage)
		fake_die("a body is changed outside of a body hook");
	if (x->stage->plan.read_only)
		fake_die("a body is changed that was asked only to be read");
	return x->stage;
}

bool fake_host_body_want(sluice_exchange *x, int side, const sluice_body_plan *plan)
{
	const sluice_plugin *p = x->inst->plugin;
	if (fake_in_hook != x || side > SLUICE_RESPONSE ||
		(side == SLUICE_REQUEST && x->responding))
		fake_die("a body is asked for when it is too late");
	if (!(side == SLUICE_REQUEST ? p->on_request_body : p->on_response_body))
		fake_die("a body is asked for without a hook for it");
	if (plan->size != sizeof *plan || plan->max == 0)
		fake_die("a plan lacks something");
	x->stages[side].wanted = true;
	x->stages[side].plan = *plan;
	return true;
}

static size_t take(struct fake_stage *s, size_t n)
{
	size_t rest = s->shown - s->taken;
	n = n < rest ? n : rest;
	s->taken += n;
	return n;
}

void fake_host_body_pass(sluice_exchange *x, size_t n)
{
	struct fake_stage *s = at_work(x);
	n = take(s, n);
	append(&s->out, &s->n_out, s->data + s->taken - n, n);
}

void fake_host_body_drop(sluice_exchange *x, size_t n)
{
	take(at_work(x), n);
}

bool fake_host_body_write(sluice_exchange *x, sluice_str bytes)
{
	struct fake_stage *s = at_work(x);
	append(&s->out, &s->n_out, bytes.data, bytes.len);
	return true;
}

static sluice_verdict show(sluice_exchange *x, sluice_side side, bool end)
{
	const sluice_plugin *p = x->inst->plugin;
	struct fake_stage *s = &x->stages[side];
	const sluice_exchange *outer = fake_in_hook;
	/* a copy of its own, so that what is read beyond its end shows under the address
	 * sanitizer */
	char *data = malloc(s->n_held + (s->n_held == 0));
	if (!data)
		fake_die("out of memory");
	if (s->n_held)
		memcpy(data, s->held, s->n_held);
	s->data = data;
	s->shown = s->n_held;
	s->taken = 0;
	s->ending = end;
	x->stage = s;
	x->replied = false;
	fake_in_hook = x;
	sluice_body_hook hook = side == SLUICE_REQUEST ? p->on_request_body : p->on_response_body;
	sluice_verdict v = hook(x, x->inst->conf, (sluice_str){ data, s->n_held }, end);
	fake_in_hook = outer;
	x->stage = NULL;
	free(data);
	if (s->plan.read_only || (end && v == SLUICE_NEXT)) {
		append(&s->out, &s->n_out, s->held + s->taken, s->n_held - s->taken);
		s->taken = s->n_held;
	}
	if (s->taken)
		memmove(s->held, s->held + s->taken, s->n_held - s->taken);
	s->n_held -= s->taken;
	if (v == SLUICE_NEXT && s->n_held > s->plan.max)
		fake_die("a body hook holds %zu bytes, and asked for %zu", s->n_held,
			(size_t)s->plan.max);
	return fake_settle(x, v);
}

sluice_verdict fake_body_in(sluice_exchange *x, sluice_side side, const char *bytes, size_t n,
	bool end)
{
	struct fake_stage *s = &x->stages[side];
	if (s->ended)
		fake_die("more of a body after its end");
	s->ended = end;
	if (!s->wanted) {
		append(&s->out, &s->n_out, bytes, n);
		return SLUICE_NEXT;
	}
	append(&s->held, &s->n_held, bytes, n);
	if (s->plan.mode == SLUICE_BODY_BUFFER && !end)
		return SLUICE_NEXT;
	return show(x, side, end);
}

const char *fake_body_out(sluice_exchange *x, sluice_side side, size_t *n)
{
	struct fake_stage *s = &x->stages[side];
	if (n)
		*n = s->n_out;
	return s->out ? s->out : "";
}

bool fake_body_wanted(sluice_exchange *x, sluice_side side)
{
	return x->stages[side].wanted;
}

void fake_bodies_end(sluice_exchange *x)
{
	for (int side = 0; side < 2; side++) {
		free(x->stages[side].held);
		free(x->stages[side].out);
	}
}
