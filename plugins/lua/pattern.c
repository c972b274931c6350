/* Functions of strings that take patterns: see pattern.h. */
#include "pattern.h"

#include "match.h"

static sluice_str text_at(lua_State *L, int index)
{
	sluice_str s;
	s.data = luaL_checklstring(L, index, &s.len);
	return s;
}

/* Where the argument `init` begins: negative ones count from the end. */
static size_t start_of(lua_State *L, int index, size_t len)
{
	lua_Integer at = luaL_optinteger(L, index, 1);
	if (at < 0)
		at += (lua_Integer)len + 1;
	if (at < 1)
		return 0;
	return (size_t)at - 1 < len ? (size_t)at - 1 : len;
}

static bool has_specials(sluice_str pattern)
{
	for (size_t i = 0; i < pattern.len; i++) {
		if (pattern.data[i] && strchr("^$*+?.([%-", pattern.data[i]))
			return true;
	}
	return false;
}

static int push_range(lua_State *L, const char *text, const char *s, const char *e)
{
	lua_pushinteger(L, s - text + 1);
	lua_pushinteger(L, e - text);
	return 2;
}

static int find_plain(lua_State *L, sluice_str text, sluice_str pattern, size_t from)
{
	const char *at = memmem(text.data + from, text.len - from, pattern.data, pattern.len);
	vm_spend(L, (int64_t)((text.len - from) / 256));
	if (at)
		return push_range(L, text.data, at, at + pattern.len);
	lua_pushnil(L);
	return 1;
}

static int find_or_match(lua_State *L, bool is_find)
{
	sluice_str text = text_at(L, 1), pattern = text_at(L, 2);
	size_t from = start_of(L, 3, text.len);
	if (is_find && (lua_toboolean(L, 4) || !has_specials(pattern)))
		return find_plain(L, text, pattern, from);
	bool is_anchored = pattern.len && pattern.data[0] == '^';
	struct match m;
	const char *s;
	match_init(&m, L, text, pattern);
	const char *e =
		match_from(&m, text.data + from, pattern.data + is_anchored, is_anchored, &s);
	if (!e) {
		lua_pushnil(L);
		return 1;
	}
	if (!is_find)
		return match_push_captures(&m, s, e);
	int n = push_range(L, text.data, s, e);
	return n + match_push_captures(&m, NULL, NULL);
}

static int string_find(lua_State *L)
{
	return find_or_match(L, true);
}

static int string_match(lua_State *L)
{
	return find_or_match(L, false);
}

/* ---- gmatch -------------------------------------------------------------------------------- */

/* Upvalues: text, pattern, where to go on. */
static int gmatch_step(lua_State *L)
{
	sluice_str text = text_at(L, lua_upvalueindex(1)),
		   pattern = text_at(L, lua_upvalueindex(2));
	size_t from = (size_t)lua_tointeger(L, lua_upvalueindex(3));
	struct match m;
	const char *s;
	if (from > text.len)
		return 0;
	match_init(&m, L, text, pattern);
	const char *e = match_from(&m, text.data + from, pattern.data, false, &s);
	if (!e)
		return 0;
	/* an empty match goes on behind the next character */
	lua_pushinteger(L, e - text.data + (e == s));
	lua_replace(L, lua_upvalueindex(3));
	return match_push_captures(&m, s, e);
}

static int string_gmatch(lua_State *L)
{
	(void)text_at(L, 1);
	(void)text_at(L, 2);
	lua_settop(L, 2);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, gmatch_step, 3);
	return 1;
}

/* ---- gsub ---------------------------------------------------------------------------------- */

/* The replacement is a text with %0 to %9. */
static void add_text(struct match *m, luaL_Buffer *b, const char *s, const char *e)
{
	sluice_str r = text_at(m->L, 3);
	for (size_t i = 0; i < r.len; i++) {
		if (r.data[i] != '%') {
			luaL_addchar(b, r.data[i]);
			continue;
		}
		char c = ++i < r.len ? r.data[i] : '\0';
		if (c == '0') {
			luaL_addlstring(b, s, (size_t)(e - s));
		} else if (sluice_is_digit(c)) {
			match_push_capture(m, c - '1', s, e);
			luaL_addvalue(b);
		} else if (i < r.len) {
			luaL_addchar(b, c);
		}
	}
	vm_spend(m->L, (int64_t)(r.len / 64));
}

/* The replacement is what a function or a table says of the captures; false and nil keep the
 * match. */
static void add_value(struct match *m, luaL_Buffer *b, const char *s, const char *e)
{
	lua_State *L = m->L;
	if (lua_istable(L, 3)) {
		match_push_capture(m, 0, s, e);
		lua_gettable(L, 3);
	} else {
		lua_pushvalue(L, 3);
		lua_call(L, match_push_captures(m, s, e), 1);
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		lua_pushlstring(L, s, (size_t)(e - s));
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
	luaL_addvalue(b);
}

static bool replaces_by_text(lua_State *L)
{
	int type = lua_type(L, 3);
	luaL_argcheck(L,
		type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TTABLE ||
			type == LUA_TFUNCTION,
		3, "string/function/table expected");
	return type == LUA_TSTRING || type == LUA_TNUMBER;
}

static int string_gsub(lua_State *L)
{
	sluice_str text = text_at(L, 1), pattern = text_at(L, 2);
	bool is_text = replaces_by_text(L);
	bool is_anchored = pattern.len && pattern.data[0] == '^';
	lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)text.len + 1), n = 0;
	const char *s = text.data;
	struct match m;
	luaL_Buffer b;
	vm_check_stack(L, 1);
	match_init(&m, L, text, pattern);
	luaL_buffinit(L, &b);
	while (n < max) {
		m.n_captures = 0;
		const char *e = match_at(&m, s, pattern.data + is_anchored);
		if (e) {
			n++;
			if (is_text)
				add_text(&m, &b, s, e);
			else
				add_value(&m, &b, s, e);
		}
		if (e && e > s)
			s = e;
		else if (s < m.text_end)
			luaL_addchar(&b, *s++);
		else
			break;
		if (is_anchored)
			break;
	}
	luaL_addlstring(&b, s, (size_t)(m.text_end - s));
	luaL_pushresult(&b);
	lua_pushinteger(L, n);
	return 2;
}

void pattern_open(lua_State *L)
{
	static const luaL_Reg functions[] = { { "find", string_find }, { "match", string_match },
		{ "gmatch", string_gmatch }, { "gsub", string_gsub }, { NULL, NULL } };
	luaL_register(L, NULL, functions);
}
