/* Lua states: see vm.h. */
#include "vm.h"

#include <luajit.h>
#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "guard.h"
#include "sandbox.h"

enum {
	LOAD_INSTRUCTIONS = 10 * 1000 * 1000,
	COLLECT_SLACK = 256 * 1024 /* what collecting garbage may need for itself */
};

const char *const hook_names[HOOKS] = { "on_request", "on_response", "on_response_body",
	"on_attempt", "on_complete" };

/* ---- memory -------------------------------------------------------------------------------- */

static void *vm_alloc(void *arg, void *old, size_t old_size, size_t size)
{
	struct vm *vm = arg;
	size_t before = old ? old_size : 0;
	if (size == 0) {
		free(old);
		vm->used -= before;
		return NULL;
	}
	if (size > before && size - before > vm->max + vm->slack - vm->used)
		return NULL;
	void *block = realloc(old, size);
	if (block)
		vm->used = vm->used - before + size;
	return block;
}

static int collect(lua_State *L)
{
	(void)lua_gc(L, LUA_GCCOLLECT, 0);
	return 0;
}

void vm_collect(struct vm *vm)
{
	char text[REPORT];
	vm->slack = COLLECT_SLACK;
	(void)vm_protect(vm, collect, NULL, text);
	vm->slack = vm->used > vm->max ? vm->used - vm->max : 0;
	/* where most of what is there lives, wait until half of the rest is used */
	vm->collect_at = vm->used < vm->max ? vm->used + (vm->max - vm->used) / 2 : vm->max;
}

/* A number would become a text in new memory, which may be spent. */
void vm_error_text(lua_State *L, char text[REPORT])
{
	bool is_text = lua_type(L, -1) == LUA_TSTRING;
	(void)snprintf(text, REPORT, "%s",
		is_text ? lua_tostring(L, -1) : "an error that is no text");
}

bool vm_protect(struct vm *vm, lua_CFunction fn, void *arg, char text[REPORT])
{
	vm_begin(vm);
	int rc = lua_cpcall(vm->L, fn, arg);
	if (rc != 0) {
		vm_error_text(vm->L, text);
	}
	lua_settop(vm->L, 0);
	return rc == 0;
}

/* ---- instructions -------------------------------------------------------------------------- */

static void on_count(lua_State *L, lua_Debug *at);

/* Take n instructions. False: the budget is spent. The script may catch the error that follows by
 * pcall(); from here on each instruction throws it anew, so that the call ends all the same. */
static bool spend(struct vm *vm, lua_State *L, int64_t n)
{
	vm->left -= n;
	if (vm->left > 0)
		return true;
	if (!vm->is_spent)
		lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
	vm->is_spent = true;
	return false;
}

static const char spent[] = "the budget of instructions is spent";

/* In a hook luaL_error() would name the place from which the present function was called. */
static void on_count(lua_State *L, lua_Debug *at)
{
	struct vm *vm = vm_of(L);
	if (spend(vm, L, VM_SLICE))
		return;
	if (lua_getinfo(L, "Sl", at) && at->currentline > 0)
		lua_pushfstring(L, "%s:%d: %s", at->short_src, at->currentline, spent);
	else
		lua_pushstring(L, spent);
	lua_error(L);
}

void vm_spend(lua_State *L, int64_t n)
{
	if (!spend(vm_of(L), L, n))
		luaL_error(L, "%s", spent);
}

void vm_settle(struct vm *vm)
{
	if (vm->is_spent)
		lua_sethook(vm->L, on_count, LUA_MASKCOUNT, VM_SLICE);
	vm->is_spent = false;
	if (vm->used > vm->collect_at)
		vm_collect(vm);
}

/* ---- the stack of the thread --------------------------------------------------------------- */

void vm_check_stack(lua_State *L, int level)
{
	uintptr_t begin = vm_of(L)->stack, here = (uintptr_t)__builtin_frame_address(0);
	if ((begin > here ? begin - here : here - begin) <= VM_STACK)
		return;
	luaL_where(L, level);
	lua_pushliteral(L,
		"too many nested calls: string.gsub, table.sort, coroutine.resume and others "
		"that call each other");
	lua_concat(L, 2);
	lua_error(L);
}

/* ---- coroutines ---------------------------------------------------------------------------- */

static int make_coroutine(lua_State *L)
{
	struct coroutine *co = lua_touserdata(L, 1);
	co->L = lua_newthread(L);
	guard_mark_host(L);
	co->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

bool vm_take(struct vm *vm, struct coroutine *out)
{
	char text[REPORT];
	if (vm->n_idle) {
		*out = vm->idle[--vm->n_idle];
		return true;
	}
	*out = (struct coroutine){ NULL, LUA_NOREF };
	return vm_protect(vm, make_coroutine, out, text);
}

void vm_give(struct vm *vm, struct coroutine *co)
{
	lua_settop(co->L, 0);
	if (vm->n_idle < VM_IDLE)
		vm->idle[vm->n_idle++] = *co;
	else
		vm_drop(vm, co);
	co->L = NULL;
}

/* luaL_unref() writes to places that are there already, and so needs no memory. */
void vm_drop(struct vm *vm, struct coroutine *co)
{
	luaL_unref(vm->L, LUA_REGISTRYINDEX, co->ref);
	co->L = NULL;
}

/* ---- loading ------------------------------------------------------------------------------- */

static void find_hooks(lua_State *L, struct vm *vm)
{
	bool has_any = false;
	sandbox_check_hooks(L);
	for (size_t i = 0; i < HOOKS; i++) {
		sandbox_push_global(L, hook_names[i]);
		vm->hooks[i] = LUA_NOREF;
		if (lua_isnil(L, -1)) {
			lua_pop(L, 1);
			continue;
		}
		has_any = true;
		vm->hooks[i] = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	if (!has_any)
		luaL_error(L,
			"the script defines none of on_request, on_response, on_attempt and "
			"on_complete");
}

static int load(lua_State *L)
{
	struct vm *vm = lua_touserdata(L, 1);
	/* the first reference that is given back needs a place, which is made here */
	lua_pushboolean(L, 1);
	luaL_unref(L, LUA_REGISTRYINDEX, luaL_ref(L, LUA_REGISTRYINDEX));
	sandbox_open(L);
	api_open(L);
	sandbox_run(L, &vm->program->v[0]);
	find_hooks(L, vm);
	vm->is_loaded = true;
	return 0;
}

struct vm *vm_new(const struct lua_conf *c, struct program *p, struct reader *reader,
	char report[REPORT])
{
	struct vm *vm = calloc(1, sizeof(*vm));
	(void)snprintf(report, REPORT, "LuaJIT cannot start with a limit of memory");
	if (!vm)
		return NULL;
	*vm = (struct vm){ .conf = c,
		.program = program_ref(p),
		.reader = reader,
		.users = 1,
		.max = c->memory,
		.collect_at = c->memory / 2,
		.left = (int64_t)c->instructions > LOAD_INSTRUCTIONS ? (int64_t)c->instructions
								     : LOAD_INSTRUCTIONS };
	vm->L = lua_newstate(vm_alloc, vm);
	if (vm->L) {
		luaJIT_setmode(vm->L, 0,
			LUAJIT_MODE_ENGINE | (c->jit ? LUAJIT_MODE_ON : LUAJIT_MODE_OFF));
		lua_sethook(vm->L, on_count, LUA_MASKCOUNT, VM_SLICE);
		if (vm_protect(vm, load, vm, report)) {
			vm->reader = NULL;
			vm_settle(vm);
			return vm;
		}
	}
	vm_unref(&vm);
	return NULL;
}

struct vm *vm_ref(struct vm *vm)
{
	vm->users++;
	return vm;
}

void vm_unref(struct vm **at)
{
	struct vm *vm = *at;
	*at = NULL;
	if (!vm || --vm->users != 0)
		return;
	if (vm->L)
		lua_close(vm->L);
	program_unref(vm->program);
	free(vm);
}
