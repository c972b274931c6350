/* Patterns of the plugin lua, compared with those of Lua: the same results and the same errors. */
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "test.h"
#include "vm.h"

extern const sluice_plugin sluice_plugin_record;

static void *alloc(void *vm, void *old, size_t old_size, size_t size)
{
	(void)vm;
	(void)old_size;
	if (size)
		return realloc(old, size);
	free(old);
	return NULL;
}

/* Defines same(name, ...): calls both functions of that name, and fails where they differ. */
static const char compare[] =
	"local theirs, ours = ...\n"
	"local function pack(...) return { n = select('#', ...), ... } end\n"
	"local function text(r)\n"
	"  local t = {}\n"
	"  for i = 1, r.n do t[i] = type(r[i]) .. ':' .. tostring(r[i]) end\n"
	"  return table.concat(t, ' ')\n"
	"end\n"
	"local function all(f, s, p)\n"
	"  local t, n = {}, 0\n"
	"  for a, b in f(s, p) do t[#t + 1] = tostring(a) .. '/' .. tostring(b); n = n + 1\n"
	"    if n > 50 then break end end\n"
	"  return table.concat(t, ' ')\n"
	"end\n"
	"local function both(what, name, ...)\n"
	"  local a, b\n"
	"  if name == 'gmatch' then\n"
	"    a, b = pack(pcall(all, theirs.gmatch, ...)), pack(pcall(all, ours.gmatch, ...))\n"
	"  else\n"
	"    a, b = pack(pcall(theirs[name], ...)), pack(pcall(ours[name], ...))\n"
	"  end\n"
	"  if not a[1] and not b[1] then return end\n"
	"  if text(a) ~= text(b) then\n"
	"    error(('%s(%q, %q): %s, ours: %s'):format(name, (...), (select(2, ...)), text(a), "
	"text(b)), 0)\n"
	"  end\n"
	"end\n"
	"function same(s, p, init, max)\n"
	"  both('', 'find', s, p, init); both('', 'match', s, p, init); both('', 'gmatch', s, p)\n"
	"  both('', 'find', s, p, init, true)\n"
	"  both('', 'gsub', s, p, '<%0%1>', max); both('', 'gsub', s, p, 'x%%', max)\n"
	"  both('', 'gsub', s, p, function(a) if a == 'a' then return false end return 7 end, "
	"max)\n"
	"  both('', 'gsub', s, p, { a = 'A', b = false, ab = 3 }, max)\n"
	"end\n";

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

struct tried {
	sluice_str text, pattern;
	int init, max;
};

static int try_one(lua_State *L)
{
	const struct tried *t = lua_touserdata(L, 1);
	lua_getglobal(L, "same");
	lua_pushlstring(L, t->text.data, t->text.len);
	lua_pushlstring(L, t->pattern.data, t->pattern.len);
	lua_pushinteger(L, t->init);
	lua_pushinteger(L, t->max);
	lua_call(L, 4, 0);
	return 0;
}

static struct vm vm;

static int begin(void **state)
{
	(void)state;
	vm = (struct vm){ .left = INT64_MAX };
	vm.L = lua_newstate(alloc, &vm);
	char why[REPORT];
	return vm.L && vm_protect(&vm, prepare, NULL, why) ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	lua_close(vm.L);
	return 0;
}

TEST_GROUP(begin, finish);

static void assert_same(sluice_str text, sluice_str pattern, int init, int max)
{
	struct tried t = { text, pattern, init, max };
	char why[REPORT];
	if (!vm_protect(&vm, try_one, &t, why))
		fail_msg("%s", why);
}

TEST(examples_of_the_manual)
{
	static const char *const cases[][2] = { { "hello world from Lua", "%a+" },
		{ "key = value", "(%w+)%s*=%s*(%w+)" }, { "  trim  ", "^%s*(.-)%s*$" },
		{ "THE (quick) fox", "%((%a+)%)" }, { "f(a(b)c)d", "%b()" },
		{ "THE (quick) fox", "%f[%a]%a+" }, { "\"it's\" 'so'", "([\"'])(.-)%1" },
		{ "abc", "()b()" }, { "a,b,,c", "([^,]*)" }, { "2024-01-02", "(%d+)-(%d+)-(%d+)" },
		{ "x]y", "[]]" }, { "x-y", "[a%-]" }, { "a-z", "[a-]" }, { "a^b", "[%^x]" },
		{ "", "" }, { "abc", "" }, { "abc", "$" }, { "a$b", "a$b" }, { "abc", "^b" },
		{ "aaa", "a-b" }, { "aaab", "a-b" }, { "a.b", "%." }, { "ab", "(a)(b)" },
		{ "a\tb", "%c" }, { "\x80\xff", "[\x80-\xff]" }, { "abc", "[^%a]" } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int init = -4; init < 6; init++)
			assert_same(sluice_str_of(cases[i][0]), sluice_str_of(cases[i][1]), init,
				init < 1 ? 100 : init);
	}
}

TEST(malformed_patterns_are_errors)
{
	static const char *const bad[] = { "%", "[", "[a", "[%", "[^", "[]", "(", "(a", ")", "%1",
		"(a%1)", "%b", "%bx", "%f", "%fa", "(()", "[a-", "a%" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_same(SLUICE_STR("aab(c)"), sluice_str_of(bad[i]), 1, 100);
		assert_same(SLUICE_STR(""), sluice_str_of(bad[i]), 1, 100);
	}
}

static uint64_t drawn = 88172645463325252u;

static unsigned draw(unsigned below)
{
	drawn ^= drawn << 13;
	drawn ^= drawn >> 7;
	drawn ^= drawn << 17;
	return (unsigned)(drawn % below);
}

static size_t draw_text(char *out, size_t max, const char *letters, size_t n_letters)
{
	size_t n = draw((unsigned)max);
	for (size_t i = 0; i < n; i++)
		out[i] = letters[draw((unsigned)n_letters)];
	return n;
}

TEST(any_pattern_on_any_text)
{
	static const char in_texts[] = "aaabb(),]-^ \0\xe9"
				       "1",
			  in_patterns[] = "aab.%%*+-?()[]^$bfdw1,\xe9";
	char text[24], pattern[12];
	for (unsigned i = 0; i < 60000; i++) {
		size_t n = draw_text(text, sizeof(text), in_texts, sizeof(in_texts) - 1);
		size_t p =
			draw_text(pattern, sizeof(pattern), in_patterns, sizeof(in_patterns) - 1);
		/* of their own memory, so that a read beyond the end is seen */
		assert_same(sluice_str_n(text, n), sluice_str_n(pattern, p), (int)draw(8) - 2,
			(int)draw(5));
	}
}
