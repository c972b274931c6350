/* A gateway with two plugins whose hooks are noted. */
#include "scripted.h"

static const char conf[] = KIT_GATEWAY
	"plugins:\n"
	"  a: { use: script, label: a }\n"
	"  b: { use: script, label: b }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'], timeouts: { connect: 1s, response: 300ms } }\n"
	"  patient: { servers: ['127.0.0.1:@port@'] }\n"
	"  down: { servers: ['127.0.0.1:1'] }\n"
	"routes:\n"
	"  - { name: plain, match: { path: /plain }, upstream: up }\n"
	"  - { name: both, match: { path: '/both/*', methods: [GET, POST, PUT] }, plugins: [a, b], "
	"upstream: up }\n"
	"  - { name: body, match: { path: /body }, plugins: [a], upstream: patient }\n"
	"  - { name: down, match: { path: /down }, upstream: down }\n"
	"  - { name: here, match: { path: /here }, plugins: [a], respond: { status: 201, body: "
	"made, headers: { X-Made: here } } }\n"
	"  - { name: empty, match: { path: /empty }, respond: { status: 204 } }\n";

/* ---- plugins ------------------------------------------------------------------------------- */

char scripted_trace[256];
const char *scripted_who; /* whose hook does something */

static bool note(char letter, const void *c)
{
	const struct script_conf *sc = c;
	size_t n = strlen(scripted_trace);
	(void)snprintf(scripted_trace + n, sizeof(scripted_trace) - n, "%c%.*s ", letter,
		STR_ARG(sc->label));
	return scripted_who && str_eq(sc->label, str_of(scripted_who));
}

sluice_hook scripted_request, scripted_response;

static sluice_verdict on_request(sluice_exchange *x, const void *c)
{
	return note('q', c) && scripted_request ? scripted_request(x, c) : SLUICE_NEXT;
}

static sluice_verdict on_response(sluice_exchange *x, const void *c)
{
	return note('s', c) && scripted_response ? scripted_response(x, c) : SLUICE_NEXT;
}

static sluice_verdict on_done(sluice_exchange *x, const void *c)
{
	(void)x;
	(void)note('c', c);
	return SLUICE_NEXT;
}

void scripted_begin(void)
{
	scripted_begin_with(conf);
}

void scripted_begin_with(const char *text)
{
	kit_begin(text);
	scripted_trace[0] = 0;
	scripted_who = "a";
	scripted_request = scripted_response = NULL;
	script->on_request = on_request;
	script->on_response = on_response;
	script->on_complete = on_done;
}

sluice_verdict scripted_refuse(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_refuse(x, 403, "no-entry", "Not \"you\".");
}

static sluice_verdict go_on(sluice_exchange *x, const void *c)
{
	(void)x, (void)c;
	return SLUICE_NEXT;
}

sluice_verdict scripted_nap(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_sleep(x, 20, go_on);
}

const char scripted_hello[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Up: yes\r\nConnection: "
			      "X-Hop\r\nX-Hop: 1\r\n\r\nhello";

void scripted_assert_done(int status, const char *code)
{
	until(guest->finished);
	assert_int_equal(guest->status, status);
	assert_int_equal(done.n, 1);
	assert_int_equal(done.status, status);
	assert_string_equal(done.code, code);
	assert_int_equal(kit_proxy.active, 0);
}
