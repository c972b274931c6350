/*
 * Patterns of the plugin lua, on a text that a client chose: the pattern, a line end, and the text.
 * What comes of it is what Lua's own functions make of it, as long as the budget suffices; and
 * where it does not, that is all that happens.
 */
#include <lualib.h>
#include <stdlib.h>

#include "pattern.h"
#include "vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATTERN_MOST = 64, TEXT_MOST = 4096, INSTRUCTIONS = 20000 };

/* Lua's functions know no NUL in a pattern, and have another bound for nested matches. */
static const char compare[] =
	"local theirs, ours = ...\n"
	"local function text(ok, ...)\n"
	"  if not ok then return 'error', (...) end\n"
	"  local t = { ... }\n"
	"  for i = 1, select('#', ...) do t[i] = type(t[i]) .. tostring(t[i]) end\n"
	"  return table.concat(t, ' ')\n"
	"end\n"
	"function same(s, p)\n"
	"  for _, name in ipairs{ 'find', 'match', 'gsub' } do\n"
	"    local more = name == 'gsub' and '<%0>' or nil\n"
	"    local mine, why = text(pcall(ours[name], s, p, more))\n"
	"    if why and (why:find('budget', 1, true) or why:find('complex', 1, true)) then return "
	"end\n"
	"    if not p:find('%z') and text(pcall(theirs[name], s, p, more)) ~= mine then\n"
	"      error(name)\n"
	"    end\n"
	"  end\n"
	"end\n";

/* LuaJIT keeps pointers with marks in them, which the leak check does not see: all blocks are in a
 * list, so that it finds those of the state that stays. */
struct block {
	struct block *next, **at;
};
static struct block *blocks;

static void *alloc(void *vm, void *old, size_t old_size, size_t size)
{
	struct block *b = old ? (struct block *)old - 1 : NULL;
	(void)vm;
	(void)old_size;
	if (b) {
		*b->at = b->next;
		if (b->next)
			b->next->at = b->at;
	}
	if (!size) {
		free(b);
		return NULL;
	}
	struct block *new = realloc(b, sizeof(*new) + size);
	if (!new)
		abort();
	*new = (struct block){ .next = blocks, .at = &blocks };
	if (blocks)
		blocks->at = &new->next;
	blocks = new;
	return new + 1;
}

static int prepare(lua_State *L)
{
	luaL_openlibs(L);
	if (luaL_loadstring(L, compare) != 0)
		return lua_error(L);
	lua_getglobal(L, "string");
	lua_newtable(L);
	pattern_open(L);
	lua_call(L, 2, 0);
	return 0;
}

static int compare_both(lua_State *L)
{
	const sluice_str *both = lua_touserdata(L, 1);
	lua_getglobal(L, "same");
	lua_pushlstring(L, both[1].data, both[1].len);
	lua_pushlstring(L, both[0].data, both[0].len);
	lua_call(L, 2, 0);
	return 0;
}

static struct vm vm;

static void stop(void)
{
	lua_close(vm.L);
}

static void start(void)
{
	char why[REPORT];
	vm.L = lua_newstate(alloc, &vm);
	vm.left = INT64_MAX;
	if (!vm.L || !vm_protect(&vm, prepare, NULL, why))
		abort();
	(void)atexit(stop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *end = size ? memchr(data, '\n', size) : NULL;
	if (!vm.L)
		start();
	if (!end)
		return 0;
	const char *text = (const char *)data;
	sluice_str both[2] = { { text, (size_t)(end - text) },
		{ end + 1, size - (size_t)(end - text) - 1 } };
	if (both[0].len > PATTERN_MOST || both[1].len > TEXT_MOST)
		return 0;
	char why[REPORT];
	vm.left = INSTRUCTIONS;
	vm.is_spent = true; /* no hook is to be set */
	if (!vm_protect(&vm, compare_both, both, why))
		abort();
	return 0;
}
