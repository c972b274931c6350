/*
 * A Lua state with a program that was loaded into it: of one instance, on one worker. Its memory is
 * bounded, and so is the number of instructions of a call. It lives until the worker has a newer
 * one and the last exchange that uses it has ended.
 *
 * LuaJIT throws errors through C, as C++ does, and ends the process where nothing catches them. So
 * whatever may run out of memory is done in a coroutine that runs, or under vm_protect().
 */
#ifndef PLUGINS_LUA_VM_H
#define PLUGINS_LUA_VM_H

#include <lauxlib.h>
#include <lua.h>

#include "program.h"

enum hook { HOOK_REQUEST, HOOK_RESPONSE, HOOK_RESPONSE_BODY, HOOK_ATTEMPT, HOOK_COMPLETE, HOOKS };
extern const char *const hook_names[HOOKS];

enum {
	VM_SLICE = 1000,      /* instructions between two looks at the budget */
	VM_IDLE = 16,         /* coroutines that are kept for further calls */
	VM_STACK = 512 * 1024 /* bytes of the thread's stack that nested calls may use */
};

struct coroutine {
	lua_State *L; /* borrowed from the state, in which ref keeps it alive */
	int ref;
};

struct vm {
	lua_State *L;                /* owned */
	const struct lua_conf *conf; /* borrowed: longer than the vm */
	struct program *program;     /* shared: ref */
	struct reader *reader;       /* borrowed, while the main thread tries a program; or NULL */
	struct run *running;         /* borrowed: whose hook runs; NULL while nothing runs */
	unsigned users;

	size_t used, max; /* bytes */
	size_t collect_at;
	size_t slack; /* bytes over max that may be used, while garbage is collected */

	int64_t left;    /* instructions of the call that runs */
	uintptr_t stack; /* where it began on the stack of the thread */
	bool is_spent, is_loaded;
	int hooks[HOOKS]; /* references; LUA_NOREF: the script has no such function */

	size_t n_idle;
	struct coroutine idle[VM_IDLE];
};

/* Load the program. reader: of the main thread, which tries it; or NULL. NULL: report says what is
 * wrong. */
struct vm *vm_new(const struct lua_conf *c, struct program *p, struct reader *reader,
	char report[REPORT]);
struct vm *vm_ref(struct vm *vm);
void vm_unref(struct vm **vm);

/* the vm that a function of it runs in */
static inline struct vm *vm_of(lua_State *L)
{
	void *vm;
	(void)lua_getallocf(L, &vm);
	return vm;
}

/* Call fn in the main coroutine, with arg as its light userdata. False: it has failed, and text is
 * why. What it leaves on the stack is dropped. */
bool vm_protect(struct vm *vm, lua_CFunction fn, void *arg, char text[REPORT]);

/* The error on top of the stack, as text. */
void vm_error_text(lua_State *L, char text[REPORT]);

/* Take n instructions from the budget of the call. Throws an error when it is spent. */
void vm_spend(lua_State *L, int64_t n);

/* Before each call of the state: what it uses of the thread's stack is counted from here on. */
static inline void vm_begin(struct vm *vm)
{
	vm->stack = (uintptr_t)__builtin_frame_address(0);
}
/* In a function that calls the script back, or makes it run on another stack of Lua's: throws an
 * error where such functions are nested too deeply. level: whose line the error names, as
 * luaL_where() counts. Where the stack is, and no count of calls, says how deep they are, because
 * an error leaves all of them at once. */
void vm_check_stack(lua_State *L, int level);

/* A coroutine with an empty stack. False: there is no memory for it. */
bool vm_take(struct vm *vm, struct coroutine *out);
/* It has ended, and may serve again. */
void vm_give(struct vm *vm, struct coroutine *co);
/* It has not ended: nobody resumes it any more. */
void vm_drop(struct vm *vm, struct coroutine *co);
/* After each call: collect garbage if there is much, and make the next call's budget count. */
void vm_settle(struct vm *vm);
/* A call ran out of memory. */
void vm_collect(struct vm *vm);

#endif
