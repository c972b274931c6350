/* The table `sluice`: facts of the exchange, where its request goes, and what is kept with it. */
#include "api.h"
#include "codes.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

struct named {
	const char *name;
	int value;
};

/* by the names that the configuration has for them */
static const struct named facts[] = { { "method", SLUICE_I_METHOD }, { "scheme", SLUICE_I_SCHEME },
	{ "host", SLUICE_I_HOST }, { "authority", SLUICE_I_AUTHORITY }, { "path", SLUICE_I_PATH },
	{ "asked_authority", SLUICE_I_ASKED_AUTHORITY }, { "asked_path", SLUICE_I_ASKED_PATH },
	{ "sent_path", SLUICE_I_SENT_PATH }, { "query", SLUICE_I_QUERY },
	{ "target", SLUICE_I_TARGET }, { "ip", SLUICE_I_CLIENT_IP }, { "route", SLUICE_I_ROUTE },
	{ "upstream", SLUICE_I_UPSTREAM }, { "request_id", SLUICE_I_REQUEST_ID },
	{ "protocol", SLUICE_I_PROTOCOL }, { "listener", SLUICE_I_LISTENER },
	{ "peer", SLUICE_I_PEER }, { "peer_port", SLUICE_I_PEER_PORT },
	{ "tls_version", SLUICE_I_TLS_VERSION }, { "tls_cipher", SLUICE_I_TLS_CIPHER },
	{ "tls_sni", SLUICE_I_TLS_SNI }, { "tls_alpn", SLUICE_I_TLS_ALPN },
	{ "client_cert_subject", SLUICE_I_CLIENT_CERT_SUBJECT },
	{ "client_cert_issuer", SLUICE_I_CLIENT_CERT_ISSUER },
	{ "client_cert_dns", SLUICE_I_CLIENT_CERT_DNS },
	{ "client_cert_uri", SLUICE_I_CLIENT_CERT_URI },
	{ "client_cert_email", SLUICE_I_CLIENT_CERT_EMAIL },
	{ "client_cert_serial", SLUICE_I_CLIENT_CERT_SERIAL },
	{ "client_cert_sha256", SLUICE_I_CLIENT_CERT_SHA256 },
	{ "client_cert_pem", SLUICE_I_CLIENT_CERT_PEM },
	{ "client_cert_der", SLUICE_I_CLIENT_CERT_DER }, { "reason", SLUICE_I_REASON },
	{ "server", SLUICE_I_SERVER }, { "upstream_protocol", SLUICE_I_UPSTREAM_PROTOCOL } };

static const struct named numbers[] = { { "status", SLUICE_N_STATUS },
	{ "upstream_status", SLUICE_N_UPSTREAM_STATUS }, { "tries", SLUICE_N_TRIES },
	{ "bytes_in", SLUICE_N_BYTES_IN }, { "bytes_out", SLUICE_N_BYTES_OUT },
	{ "request_body", SLUICE_N_REQUEST_BODY }, { "response_body", SLUICE_N_RESPONSE_BODY },
	{ "duration_us", SLUICE_N_DURATION_US }, { "connect_us", SLUICE_N_CONNECT_US },
	{ "response_us", SLUICE_N_RESPONSE_US }, { "start_ms", SLUICE_N_START_MS },
	{ "client_port", SLUICE_N_CLIENT_PORT }, { "peer_port", SLUICE_N_PEER_PORT },
	{ "connection_requests", SLUICE_N_CONNECTION_REQUESTS },
	{ "connection_kept", SLUICE_N_CONNECTION_KEPT } };

/* ---- facts --------------------------------------------------------------------------------- */

enum { FACT_EXPRESSIONS = 1000 }; /* from here on: places in the option `facts` */

/* Names are looked up in a table: strings of Lua are compared by their addresses. Upvalue 1. */
static int look_up(lua_State *L, const char *what, const char *hint)
{
	sluice_str name = api_str(L, 1);
	lua_pushvalue(L, 1);
	lua_rawget(L, lua_upvalueindex(1));
	if (lua_isnil(L, -1))
		luaL_error(L, "there is no %s \"%s\"%s", what, name.data, hint);
	return (int)lua_tointeger(L, -1);
}

static int api_get(lua_State *L)
{
	const struct lua_conf *c = vm_of(L)->conf;
	sluice_exchange *x = api_exchange(L);
	sluice_str value = SLUICE_STR_NONE;
	int fact = look_up(L, "fact",
		"; facts with a name behind a colon have to be listed by the option `facts`");
	if (fact < FACT_EXPRESSIONS)
		value = sluice_get(x, (sluice_info)fact);
	else if (sluice_expr_read(x, c->facts.v[fact - FACT_EXPRESSIONS], &value) ==
		SLUICE_READ_FAIL)
		return luaL_error(L, "the memory of the request is spent");
	api_push(L, value);
	return 1;
}

/* Whether the request has several values for a fact of the option `facts`. */
static int api_repeated(lua_State *L)
{
	const struct lua_conf *c = vm_of(L)->conf;
	sluice_exchange *x = api_exchange(L);
	sluice_reading r = SLUICE_READ_NONE;
	sluice_str value;
	int fact = look_up(L, "fact", "");
	if (fact >= FACT_EXPRESSIONS)
		r = sluice_expr_read(x, c->facts.v[fact - FACT_EXPRESSIONS], &value);
	if (r == SLUICE_READ_FAIL)
		return luaL_error(L, "the memory of the request is spent");
	lua_pushboolean(L, r == SLUICE_READ_MANY);
	return 1;
}

static int api_number(lua_State *L)
{
	sluice_exchange *x = api_exchange(L);
	int64_t n = sluice_number(x, (sluice_number_id)look_up(L, "number", ""));
	if (n == SLUICE_UNKNOWN)
		lua_pushnil(L);
	else
		lua_pushnumber(L, (lua_Number)n);
	return 1;
}

static int api_attr(lua_State *L)
{
	api_push(L, sluice_attr(api_exchange(L), api_str(L, 1)));
	return 1;
}

/* Facts of scripts are of the namespace that the record declares. */
static int api_attr_set(lua_State *L)
{
	sluice_exchange *x = api_exchange(L);
	sluice_str name = api_str(L, 1), value = api_str(L, 2);
	luaL_argcheck(L, name.len > 0 && name.len <= 64, 1, "a name has 1 to 64 bytes");
	lua_pushliteral(L, "lua:");
	lua_pushvalue(L, 1);
	lua_concat(L, 2);
	sluice_attr_set(x, api_str(L, -1), value);
	return 0;
}

/* sluice.identify(name, groups, facts) */
static int api_identify(lua_State *L)
{
	struct run *r = api_run(L);
	const sluice_identity who = { .size = sizeof(who),
		.name = api_str(L, 1),
		.groups = api_str_or_none(L, 2),
		.facts = api_pairs(L, 3) };
	if (r->hook != HOOK_REQUEST)
		return luaL_error(L, "sluice.identify() is for on_request");
	if (!sluice_identify(r->x, &who))
		return luaL_error(L, "this identity cannot be had; the log says why");
	return 0;
}

static int api_credentials_absent(lua_State *L)
{
	sluice_credentials_absent(api_exchange(L));
	return 0;
}

static int api_note(lua_State *L)
{
	sluice_exchange *x = api_exchange(L);
	const char *code = code_keep(api_str(L, 1));
	if (!code)
		return luaL_error(L,
			"a note is a code of 1 to 64 bytes of a-z, 0-9 and -, and there are 256 "
			"codes at most");
	sluice_note(x, code);
	return 0;
}

/* A table for the scripts' own values, the same in all hooks of the exchange. */
static int api_ctx(lua_State *L)
{
	struct run *r = api_run(L);
	if (r->context == LUA_NOREF) {
		lua_newtable(L);
		r->context = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, r->context);
	return 1;
}

/* ---- sending the request elsewhere --------------------------------------------------------- */

/* A script that goes on with the former destination might send a request where it must not go. */
static int changed(lua_State *L, bool is_changed, const char *what)
{
	if (!is_changed)
		return luaL_error(L, "%s was not changed; the log says why", what);
	return 0;
}

static int api_target_set(lua_State *L)
{
	return changed(L, sluice_target_set(api_exchange(L), api_str(L, 1), api_str_or_none(L, 2)),
		"the target");
}

static int api_query_set(lua_State *L)
{
	return changed(L, sluice_query_set(api_exchange(L), api_str(L, 1), api_str(L, 2)),
		"the query");
}

static int api_query_remove(lua_State *L)
{
	return changed(L, sluice_query_remove(api_exchange(L), api_str(L, 1)), "the query");
}

static int api_host_set(lua_State *L)
{
	return changed(L, sluice_host_set(api_exchange(L), api_str(L, 1)), "the host");
}

static int api_upstream_set(lua_State *L)
{
	return changed(L, sluice_upstream_set(api_exchange(L), api_upstream(L, 1)), "the upstream");
}

/* ---- the table ----------------------------------------------------------------------------- */

static void add_lookup(lua_State *L, const char *name, lua_CFunction fn)
{
	lua_pushcclosure(L, fn, 1);
	lua_setfield(L, -2, name);
}

static void push_named(lua_State *L, const struct named *v, size_t n)
{
	lua_newtable(L);
	for (size_t i = 0; i < n; i++) {
		lua_pushinteger(L, v[i].value);
		lua_setfield(L, -2, v[i].name);
	}
}

static void push_facts(lua_State *L)
{
	const sluice_exprs *e = &vm_of(L)->conf->facts;
	push_named(L, facts, N_OF(facts));
	for (size_t i = 0; i < e->n; i++) {
		api_push(L, sluice_expr_text(e->v[i]));
		lua_pushinteger(L, FACT_EXPRESSIONS + (int)i);
		lua_rawset(L, -3);
	}
}

void api_open_exchange(lua_State *L)
{
	static const luaL_Reg functions[] = { { "attr", api_attr }, { "attr_set", api_attr_set },
		{ "identify", api_identify }, { "credentials_absent", api_credentials_absent },
		{ "note", api_note }, { "ctx", api_ctx }, { "target_set", api_target_set },
		{ "query_set", api_query_set }, { "query_remove", api_query_remove },
		{ "host_set", api_host_set }, { "upstream_set", api_upstream_set },
		{ NULL, NULL } };
	luaL_register(L, NULL, functions);
	push_facts(L);
	add_lookup(L, "get", api_get);
	push_facts(L);
	add_lookup(L, "repeated", api_repeated);
	push_named(L, numbers, N_OF(numbers));
	add_lookup(L, "number", api_number);
}
