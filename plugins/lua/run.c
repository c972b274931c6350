/* Scripts at work on exchanges: see run.h. */
#include "run.h"

enum {
	WAITS_MAX = 256,   /* of one call */
	RESUME_COST = 1000 /* instructions that a wait counts for */
};

/* ---- the vm of an exchange ----------------------------------------------------------------- */

/* The worker's vm, made anew where the main thread has published another program. */
static struct vm *vm_now(sluice_exchange *x, const struct lua_conf *c)
{
	struct lua_worker *w = sluice_worker_state(x);
	/* it counts its users, and is not changed otherwise */
	struct program *p = (struct program *)(uintptr_t)sluice_published(x);
	char report[REPORT];
	if (!p || (w->vm && w->vm->program == p) || w->refused == p)
		return w->vm;
	struct vm *vm = vm_new(c, p, NULL, report);
	if (!vm) {
		program_unref(w->refused);
		w->refused = program_ref(p);
		sluice_log_for(x, SLUICE_LOG_ERROR,
			"%s; this worker goes on with the script that it had", report);
		return w->vm;
	}
	vm_unref(&w->vm);
	w->vm = vm;
	return vm;
}

static void drop_call(struct run *r)
{
	if (r->co.L)
		vm_drop(r->vm, &r->co);
}

/* The exchange has ended, or its memory is spent. */
static void run_leave(void *arg)
{
	struct run *r = arg;
	drop_call(r);
	luaL_unref(r->vm->L, LUA_REGISTRYINDEX, r->context);
	vm_unref(&r->vm);
	r->has_left = true;
}

/* NULL: the memory of the exchange is spent, or there is no vm. An exchange keeps the vm that it
 * began with. */
static struct run *run_of(sluice_exchange *x, const struct lua_conf *c)
{
	struct run *r = sluice_state(x, sizeof(*r));
	if (!r || r->has_left)
		return NULL;
	if (r->vm)
		return r;
	struct vm *vm = vm_now(x, c);
	if (!vm)
		return NULL;
	r->vm = vm_ref(vm);
	r->x = x;
	r->context = LUA_NOREF;
	sluice_cleanup(x, run_leave, r);
	return r->has_left ? NULL : r;
}

/* ---- the end of a call --------------------------------------------------------------------- */

static sluice_verdict failed(struct run *r, const char *text)
{
	sluice_log_for(r->x, SLUICE_LOG_ERROR, "%s: %s", hook_names[r->hook], text);
	sluice_metric_add(r->vm->conf->errors, sluice_str_of(hook_names[r->hook]), 1);
	drop_call(r);
	return SLUICE_FAIL;
}

static sluice_verdict failed_by(struct run *r, int rc)
{
	char text[REPORT];
	vm_error_text(r->co.L, text);
	sluice_verdict v = failed(r, text);
	if (rc == LUA_ERRMEM)
		vm_collect(r->vm);
	return v;
}

/* What on_response_body returns takes the place of the body. */
static const char *take_body(struct run *r)
{
	lua_State *co = r->co.L;
	sluice_str body;
	if (lua_gettop(co) == 0 || lua_isnil(co, 1))
		return NULL;
	if (lua_type(co, 1) != LUA_TSTRING)
		return "must return a string, which replaces the body, or nothing";
	body.data = lua_tolstring(co, 1, &body.len);
	sluice_body_drop(r->x, SIZE_MAX);
	(void)sluice_body_write(r->x, body);
	return NULL;
}

static sluice_verdict returned(struct run *r)
{
	const char *why = r->hook == HOOK_RESPONSE_BODY ? take_body(r) : NULL;
	if (why)
		return failed(r, why);
	vm_give(r->vm, &r->co);
	return SLUICE_NEXT;
}

static sluice_verdict answered(struct run *r)
{
	drop_call(r);
	return r->want.verdict;
}

/* ---- waiting ------------------------------------------------------------------------------- */

static sluice_verdict run_go(struct run *r, int n_args);

/* Errors of memory may be thrown where values are made: that is done in the main coroutine, under
 * protection, and then they are moved. */
struct pushing {
	struct run *run;
	int (*push)(lua_State *L, const void *from); /* how many values */
	const void *from;
	int n;
};

static int push_protected(lua_State *L)
{
	struct pushing *p = lua_touserdata(L, 1);
	p->n = p->push(L, p->from);
	lua_xmove(L, p->run->co.L, p->n);
	return 0;
}

static sluice_verdict go_with(struct run *r, int (*push)(lua_State *, const void *),
	const void *from)
{
	struct pushing p = { r, push, from, 0 };
	char text[REPORT];
	if (vm_protect(r->vm, push_protected, &p, text))
		return run_go(r, p.n);
	sluice_verdict v = failed(r, text);
	vm_collect(r->vm);
	return v;
}

/* NULL: there is nothing to resume, and the call has failed. */
static struct run *run_waiting(sluice_exchange *x)
{
	struct run *r = sluice_state(x, sizeof(*r));
	if (!r || !r->vm || !r->co.L)
		return NULL;
	if (lua_status(r->co.L) == LUA_YIELD)
		return r;
	(void)failed(r, "its coroutine does not wait any more");
	return NULL;
}

static sluice_verdict slept(sluice_exchange *x, const void *conf)
{
	struct run *r = run_waiting(x);
	(void)conf;
	return r ? run_go(r, 0) : SLUICE_FAIL;
}

static void push_str(lua_State *L, sluice_str s)
{
	lua_pushlstring(L, s.data ? s.data : "", s.len);
}

/* By their names in lower case; values of one name are joined. */
static void push_headers(lua_State *L, const sluice_fetch_response *f)
{
	char name[256];
	lua_newtable(L);
	for (size_t i = 0; i < f->n_headers; i++) {
		sluice_str n = f->headers[i].name;
		if (n.len > sizeof(name))
			continue;
		for (size_t k = 0; k < n.len; k++)
			name[k] = sluice_lower(n.data[k]);
		lua_pushlstring(L, name, n.len);
		lua_pushvalue(L, -1);
		lua_rawget(L, -3);
		if (lua_isnil(L, -1)) {
			lua_pop(L, 1);
			push_str(L, f->headers[i].value);
		} else {
			lua_pushliteral(L, ", ");
			push_str(L, f->headers[i].value);
			lua_concat(L, 3);
		}
		lua_rawset(L, -3);
	}
}

static int push_fetched(lua_State *L, const void *from)
{
	const sluice_fetch_response *f = from;
	if (f->status != SLUICE_OK) {
		lua_pushnil(L);
		lua_pushstring(L, f->error ? f->error : "the fetch failed");
		return 2;
	}
	lua_createtable(L, 0, 3);
	lua_pushinteger(L, f->code);
	lua_setfield(L, -2, "status");
	push_headers(L, f);
	lua_setfield(L, -2, "headers");
	push_str(L, f->body);
	lua_setfield(L, -2, "body");
	return 1;
}

static sluice_verdict fetched(sluice_exchange *x, const void *conf, const sluice_fetch_response *f)
{
	struct run *r = run_waiting(x);
	(void)conf;
	return r ? go_with(r, push_fetched, f) : SLUICE_FAIL;
}

struct replied {
	sluice_status st;
	const sluice_value *value;
};

static void push_value(lua_State *L, const sluice_value *v, unsigned depth)
{
	switch (v->type) {
	case SLUICE_V_INT:
		lua_pushnumber(L, (lua_Number)v->i);
		break;
	case SLUICE_V_STR:
		push_str(L, v->s);
		break;
	case SLUICE_V_LIST:
		luaL_checkstack(L, 4, "the reply is too deep");
		lua_createtable(L, v->n < 1024 ? (int)v->n : 1024, 0);
		for (size_t i = 0; i < v->n && depth < 8; i++) {
			push_value(L, &v->v[i], depth + 1);
			lua_rawseti(L, -2, (int)i + 1);
		}
		break;
	case SLUICE_V_NIL:
	default:
		lua_pushboolean(L, 0);
	}
}

/* A value; false where there is none; nil and a sentence where the store failed. */
static int push_replied(lua_State *L, const void *from)
{
	const struct replied *p = from;
	if (p->st == SLUICE_OK) {
		push_value(L, p->value, 0);
		return 1;
	}
	lua_pushnil(L);
	if (p->st == SLUICE_TIMEOUT)
		lua_pushliteral(L, "the store did not answer in time");
	else if (p->st == SLUICE_UNREACHABLE)
		lua_pushliteral(L, "the store cannot be reached");
	else if (p->value && p->value->s.len)
		push_str(L, p->value->s);
	else
		lua_pushliteral(L, "the store answered with an error");
	return 2;
}

static sluice_verdict replied(sluice_exchange *x, const void *conf, sluice_status st,
	const sluice_value *v)
{
	struct run *r = run_waiting(x);
	struct replied p = { st, v };
	(void)conf;
	return r ? go_with(r, push_replied, &p) : SLUICE_FAIL;
}

static int push_body(lua_State *L, const void *from)
{
	push_str(L, *(const sluice_str *)from);
	return 1;
}

static sluice_verdict body_came(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	struct run *r = run_waiting(x);
	(void)conf;
	if (!r || !end)
		return SLUICE_FAIL;
	r->has_body = true;
	return go_with(r, push_body, &data);
}

/* The coroutine has yielded: do what it waits for. */
static sluice_verdict wait_for(struct run *r)
{
	const struct want *w = &r->want;
	const struct lua_conf *c = r->vm->conf;
	if (w->kind != WANT_NOTHING && w->kind != WANT_ANSWERED && ++r->waits > WAITS_MAX)
		return failed(r, "has waited 256 times");
	if (w->kind != WANT_ANSWERED && r->left <= 0)
		return failed(r, "the budget of instructions is spent by waits");
	switch (w->kind) {
	case WANT_ANSWERED:
		return answered(r);
	case WANT_SLEEP:
		return sluice_sleep(r->x, w->ms, slept);
	case WANT_FETCH:
		return sluice_fetch(r->x, &w->fetch, fetched);
	case WANT_STORE:
		return sluice_store_command(r->x, c->store, w->argv, w->argc, w->ms, replied);
	case WANT_BODY:
		return sluice_body_wait(r->x,
			&(sluice_body_plan){ .size = sizeof(sluice_body_plan),
				.mode = SLUICE_BODY_BUFFER,
				.max = w->max },
			body_came);
	case WANT_NOTHING:
	default:
		return failed(r,
			"coroutine.yield() is called outside of a coroutine of the script");
	}
}

const char *run_cannot_wait(lua_State *L, const struct run *r)
{
	if (L != r->co.L)
		return "cannot be called in a coroutine of the script";
	if (r->hook == HOOK_ATTEMPT || r->hook == HOOK_COMPLETE)
		return "cannot be called here, because this hook cannot wait";
	return NULL;
}

/* ---- calls --------------------------------------------------------------------------------- */

/* Let the coroutine run until it returns, fails or waits. n_args values are on its stack. */
static sluice_verdict run_go(struct run *r, int n_args)
{
	struct vm *vm = r->vm;
	sluice_verdict v;
	vm_begin(vm);
	vm->running = r;
	vm->left = r->left;
	r->want.kind = WANT_NOTHING;
	int rc = lua_resume(r->co.L, n_args);
	vm->running = NULL;
	r->left = vm->left - RESUME_COST;
	/* settled first: a service may call back at once, and so this function again */
	vm_settle(vm);
	if (rc == LUA_YIELD)
		v = wait_for(r);
	else if (rc == 0)
		v = returned(r);
	else
		v = failed_by(r, rc);
	return v;
}

sluice_verdict run_hook(sluice_exchange *x, const struct lua_conf *c, enum hook hook,
	sluice_str body)
{
	struct run *r = run_of(x, c);
	if (!r || r->vm->running)
		return SLUICE_FAIL;
	if (r->vm->hooks[hook] == LUA_NOREF)
		return SLUICE_NEXT;
	drop_call(r);
	r->hook = hook;
	r->waits = 0;
	r->has_body = false;
	r->left = (int64_t)c->instructions;
	if (!vm_take(r->vm, &r->co)) {
		r->co.L = NULL;
		vm_collect(r->vm);
		return failed(r, "there is no memory for the call");
	}
	lua_rawgeti(r->co.L, LUA_REGISTRYINDEX, r->vm->hooks[hook]);
	return hook == HOOK_RESPONSE_BODY ? go_with(r, push_body, &body) : run_go(r, 0);
}
