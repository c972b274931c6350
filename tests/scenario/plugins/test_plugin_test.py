"""`sluice plugin-test`: scripts run the real module on the real host. What is good passes with all its variations; what is not
is named, with case, variation and difference, also when the plugin crashes, hangs or leaks."""
import os
import subprocess

import pytest

from kit.gateway import ROOT, find_program
from kit.modules import build_module

EXAMPLES = ROOT / "contrib/plugin-examples"
TEMPLATE = ROOT / "contrib/plugin-template"
SANITIZED = os.environ.get("SLUICE_SANITIZED") == "1"

PLUGIN = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sluice/plugin.h>
struct conf { sluice_str url; };
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct conf, url, .doc = "where to ask", .max = "64"),
	SLUICE_OPTIONS_END,
};
%s
SLUICE_PLUGIN("odd", .summary = "odd", .options = options, .conf_size = sizeof(struct conf), %s);
"""

# each case is run many times over, which a sanitizer makes slow
pytestmark = pytest.mark.timeout(300)


def run(so, script, *args, env=None):
    r = subprocess.run([find_program()[0], "plugin-test", so, script, *args], capture_output=True, text=True, timeout=300,
                       check=False, env={**os.environ, **(env or {})})
    return r.returncode, r.stdout, r.stderr


def libasan():
    return subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def template(folder):
    return build_module(folder, "require-header", TEMPLATE / "require_header.c") / "require-header.so"


@pytest.fixture
def odd(folder):
    """A plugin from the text of its hooks, and a script for it."""
    def build(code, hooks, cases, options="", flags=()):
        build_module(folder, "odd", PLUGIN % (code, hooks), flags)
        script = folder / "odd.yaml"
        script.write_text("plugins: { it: { use: odd%s } }\ncases:\n%s" % (options, cases))
        return folder / "odd.so", script
    return build


SINK = r"""
static void on_records(sluice_instance *inst, const void *conf, sluice_log_batch *b)
{
	const sluice_log_record *r;
	(void)conf;
	while ((r = sluice_log_next(b))) {
		const sluice_log_field *q = sluice_log_find(r, "query"), *s = sluice_log_find(r, "status"), *w = sluice_log_find(r, "reason");
		sluice_log(inst, SLUICE_LOG_INFO, "%d %.*s %.*s", (int)s->number, q ? (int)q->text.len : 0, q ? q->text.data : "",
			w ? (int)w->text.len : 0, w ? w->text.data : "");
	}
}
static int check(sluice_instance *inst, void *conf) { (void)conf; sluice_secret(inst, SLUICE_SECRET_PARAMETER, SLUICE_STR("pin")); return 0; }
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_get(x, SLUICE_I_PATH).len > 2 ? sluice_refuse(x, 403, "no-way", "No.") : SLUICE_NEXT;
}
"""


def test_a_log_sink(odd):
    so, script = odd(SINK, ".check = check, .on_request = on_request, .on_records = on_records", """
  - { name: passes, request: { target: "/a?b=c&pin=17" }, expect: { status: 200, log: ["info: 200 b=c&pin=***"] } }
  - { name: is refused, request: { target: "/abc" }, expect: { status: 403, log: ["info: 403  no-way"] } }
  - { name: says something else, expect: { log: ["info: 500"] } }
""")
    code, out, err = run(so, script)
    assert code == 1 and "3 cases, 1 failed" in out and "FAIL  says something else" in out, out + err


def example(folder, name, script):
    build_module(folder, name, EXAMPLES / f"{name.replace('-', '_')}.c")
    path = folder / f"{name}.yaml"
    path.write_text(script)
    return folder / f"{name}.so", path


def test_the_template_s_script(template):
    code, out, err = run(template, TEMPLATE / "test.yaml")
    assert (code, err) == (0, ""), out + err
    lines = out.splitlines()
    assert lines[0].startswith("ok    a request without the field is refused (") and lines[-1] == "3 cases, 0 failed"
    assert all(int(line.rpartition("(")[2].split()[0]) > 3 for line in lines[:-1])  # there were variations


def test_what_differs_is_printed(template, folder):
    script = folder / "s.yaml"
    script.write_text("""plugins: { tenant: { use: require-header, header: X-Tenant } }
cases:
  - name: nobody is refused
    expect: { status: 200, answered_by: upstream }
  - name: the field goes on
    request: { fields: { X-Tenant: green } }
    expect: { forwarded: { fields: { X-Tenant: red }, without: [Host] } }
  - name: this is right
    expect: { reason: header-missing }
""")
    code, out, _ = run(template, script)
    assert code == 1
    failed, _, rest = out.partition("ok    ")
    assert failed == """FAIL  nobody is refused
        answered by
            expected  upstream
            got       tenant
        status
            expected  200
            got       403
FAIL  the field goes on
        forwarded: field X-Tenant
            expected  red
            got       green
        forwarded: field Host
            expected  (none)
            got       api.example.com
"""
    assert rest.startswith("this is right (") and rest.endswith("3 cases, 2 failed\n")
    assert run(template, script, "--list")[:2] == (0, "nobody is refused\nthe field goes on\nthis is right\n")
    assert run(template, script, "--only", "this is right", "--no-variations")[:2] == \
        (0, "ok    this is right (1 run)\n1 case, 0 failed\n")
    assert run(template, script, "--only", "no such")[0] == 2
    assert "reason" in run(template, script, "--only", "this is right", "--verbose", "--variations", "drops")[1]
    assert run(template, script, "--variations", "dust")[0] == 2


def test_mistakes_have_their_place(template, folder):
    script = folder / "s.yaml"
    script.write_text("plugins: { tenant: { use: require-header, heeder: X } }\ncases: [ { name: a } ]\n")
    code, out, err = run(template, script)
    assert code == 2 and out == "" and f'{script}:1:43: error: plugins.tenant: unknown key "heeder"\n    hint: ' in err
    script.write_text("plugins: { tenant: { use: require-header, header: X } }\ncases: [ { name: a, expct: {} } ]\n")
    code, out, err = run(template, script)
    assert code == 2 and f'{script}:2:21: error: cases[0]: unknown key "expct"\n    hint: did you mean expect?' in err
    script.write_text("plugins: { tenant: { use: no-such } }\ncases: [ { name: a } ]\n")
    code, out, err = run(template, script)
    assert code == 2 and f"{script}:1:27: error: plugins.tenant.use: " in err and "no-such" in err
    assert run(folder / "none.so", script)[0] == 2
    assert run(template, folder / "none.yaml")[0] == 2


def test_bodies(folder):
    so, script = example(folder, "redact", """plugins: { hush: { use: redact, word: secret, max: 32 } }
cases:
  - name: the word is written over, wherever it stands
    upstream: { body: "a secret, two secrets, secre", trailers: { Digest: x } }
    expect: { answered_by: upstream, body: "a ******, two ******s, secre", trailers: { Digest: x } }
  - name: a request that has it is refused
    request: { method: POST, body: "is a secret" }
    expect: { answered_by: hush, status: 422, not_forwarded: true }
  - name: one that has not goes on
    request: { method: POST, body: "is none", trailers: { Sum: "1" } }
    expect: { status: 200, forwarded: { body: "is none", trailers: { Sum: "1" } } }
  - name: one that is too long is refused by the gateway
    request: { method: POST, body: "123456789 123456789 123456789 123" }
    expect: { answered_by: gateway, status: 413, reason: body-too-large }
  - name: a response to HEAD has no body
    request: { method: HEAD }
    upstream: { body: "a secret" }
    expect: { body: "" }
""")
    code, out, err = run(so, script)
    assert code == 0, out + err


def test_fetches(folder):
    so, script = example(folder, "ask", """plugins: { may: { use: ask, url: "http://ask/", timeout: 100ms } }
cases:
  - name: who may passes
    fetches: [ { url: "http://ask/", fields: { X-User: anna } } ]
    expect: { answered_by: upstream, facts: { consumer: anna } }
  - name: who may not
    fetches: [ { url: "http://ask/", status: 403 } ]
    expect: { answered_by: may, status: 403, reason: ask-refused }
  - name: too late
    fetches: [ { url: "http://ask/", after: 1s } ]
    expect: { answered_by: may, status: 503, reason: ask-down, log: ["warn: "] }
  - name: it fails
    fetches: [ { url: "http://ask/", fails: unreachable } ]
    expect: { status: 503 }
  - name: the upstream fails
    fetches: [ { url: "http://ask/" } ]
    upstream: { fails: timeout }
    expect: { answered_by: gateway, status: 504, reason: upstream-timeout }
""")
    code, out, err = run(so, script)
    assert code == 0, out + err


def test_answers_of_its_own(folder):
    so, script = example(folder, "pages", """plugins: { docs: { use: pages, pages: { /a: { file: a.txt, type: text/x } } } }
cases:
  - name: a page
    request: { target: /a }
    expect: { answered_by: docs, status: 200, fields: { Content-Type: text/x, Cache-Control: max-age=300 }, body: "a page" }
  - name: no page of its
    request: { target: /b }
    expect: { answered_by: upstream }
""")
    (folder / "a.txt").write_text("a page")
    code, out, err = run(so, script)
    assert code == 0, out + err


def test_a_request_that_waits_for_its_body(folder):
    so, script = example(folder, "ask", """plugins: { may: { use: ask, url: "http://ask/", max_body: 16 } }
cases:
  - name: it goes on with its body
    request: { method: POST, body: "hello you" }
    fetches: [ { url: "http://ask/" } ]
    expect: { answered_by: upstream, forwarded: { body: hello you } }
  - name: without a body too
    fetches: [ { url: "http://ask/" } ]
    expect: { answered_by: upstream }
  - name: the service refuses it
    request: { method: POST, body: "hello you" }
    fetches: [ { url: "http://ask/", status: 403 } ]
    expect: { answered_by: may, status: 403, reason: ask-refused, not_forwarded: true }
  - name: it is too long
    request: { method: POST, body: "12345678901234567" }
    fetches: [ { url: "http://ask/" } ]
    expect: { answered_by: gateway, status: 413, reason: body-too-large, not_forwarded: true }
""")
    code, out, err = run(so, script)
    assert code == 0, out + err


def test_work_in_the_background_and_parked_requests(folder):
    so, script = example(folder, "tenant", """plugins: { who: { use: tenant, url: "http://who/" } }
cases:
  - name: the first one waits
    request: { fields: { X-Api-Key: k } }
    fetches: [ { url: "http://who/", body: blue } ]
    expect: { facts: { tenant: blue } }
  - name: the others know
    repeat: 3
    request: { fields: { X-Api-Key: k } }
    fetches: [ { url: "http://who/", body: blue } ]
    expect: { facts: { tenant: blue } }
""")
    code, out, err = run(so, script)
    assert code == 0, out + err
    assert "drops" not in out


def test_threads_of_the_plugin(folder):
    build_module(folder, "key-hash", EXAMPLES / "key_hash.c", [str(EXAMPLES / "key_pool.c"), "-Wl,--no-as-needed", "-lcrypt"])
    # the sanitizer intercepts crypt_r(), which it finds only in what is loaded with it
    env = {"LD_PRELOAD": f"{libasan()} libcrypt.so.1"} if SANITIZED else {}
    code, out, err = run(folder / "key-hash.so", EXAMPLES / "key-hash-test.yaml", env=env)
    assert code == 0, out + err


def test_facts_and_numbers(odd):
    """What the gateway would know of the connection, the certificate, the response and its numbers."""
    so, script = odd(r"""
static void show(sluice_exchange *x, sluice_side side, const char *name, sluice_str value) {
	sluice_field_set(x, side, (sluice_str){ name, __builtin_strlen(name) }, value.data ? value : SLUICE_STR("none"));
}
static sluice_verdict q(sluice_exchange *x, const void *conf) {
	(void)conf;
	show(x, SLUICE_REQUEST, "X-Sni", sluice_get(x, SLUICE_I_TLS_SNI));
	show(x, SLUICE_REQUEST, "X-Subject", sluice_get(x, SLUICE_I_CLIENT_CERT_SUBJECT));
	show(x, SLUICE_REQUEST, "X-Server", sluice_get(x, SLUICE_I_SERVER));
	show(x, SLUICE_REQUEST, "X-Team", sluice_attr(x, SLUICE_STR("team")));
	if (sluice_number(x, SLUICE_N_BYTES_IN) != 300 || sluice_number(x, SLUICE_N_TRIES) != SLUICE_UNKNOWN)
		return sluice_refuse(x, 400, "odd", "");
	return SLUICE_NEXT;
}
static sluice_verdict s(sluice_exchange *x, const void *conf) {
	(void)conf;
	show(x, SLUICE_RESPONSE, "X-Server", sluice_get(x, SLUICE_I_SERVER));
	return SLUICE_NEXT;
}
""", ".on_request = q, .on_response = s", """
  - name: told
    facts: { tls_sni: api, client_cert_subject: "CN=alice,O=Example", server: "192.0.2.1:80", team: red }
    numbers: { bytes_in: 300 }
    expect:
      forwarded: { fields: { X-Sni: api, X-Subject: "CN=alice,O=Example", X-Server: none, X-Team: red } }
      fields: { X-Server: "192.0.2.1:80" }
  - { name: untold, expect: { status: 400 } }
  - name: of a number
    numbers: { bytes_in: 300 }
    expect: { forwarded: { fields: { X-Sni: none, X-Subject: none } }, fields: { X-Server: none } }
""")
    code, out, err = run(so, script)
    assert code == 0, out + err


def test_streamed_answers(folder):
    """A client takes them at once, slowly, or leaves in the middle."""
    build_module(folder, "events", EXAMPLES / "events.c")
    code, out, err = run(folder / "events.so", EXAMPLES / "events-test.yaml")
    assert code == 0, out + err
    for case in ("who listens while nothing happens hears so, until the stream ends", "a client may leave before"):
        args = [folder / "events.so", EXAMPLES / "events-test.yaml", "--only", case]
        assert run(*args, "--variations", "slow")[1].splitlines()[0] == f"ok    {case} (2 runs)"
        assert "streamed" in run(*args, "--verbose", "--no-variations")[1]


WRITES = r"""
static sluice_verdict write(sluice_exchange *x, const void *conf) {
	(void)conf;
	unsigned *n = sluice_state(x, sizeof(*n));
	if (!n) return SLUICE_FAIL;
	sluice_answer_write(x, SLUICE_STR("piece "));
	if (++*n < 3) return SLUICE_NEXT;
	%s
}
static sluice_verdict q(sluice_exchange *x, const void *conf) {
	(void)conf;
	return sluice_answer_begin(x, &(sluice_answer_stream){ .size = sizeof(sluice_answer_stream), .status = 200, .write = write });
}
"""


def test_a_streamed_answer_that_is_broken_off(odd):
    so, script = odd(WRITES % "return SLUICE_FAIL;", ".on_request = q",
                     "- { name: a, expect: { status: 200, body: 'piece piece ', broken_off: true } }\n"
                     "- { name: b, expect: { status: 200, broken_off: true }, request: { method: HEAD } }\n")
    code, out, _ = run(so, script)
    assert code == 1 and out.splitlines()[0].startswith("ok    a (")
    assert """FAIL  b
        broken off
            expected  yes
            got       (none)
""" in out


def test_a_streamed_answer_without_end(odd):
    so, script = odd(WRITES % "return SLUICE_NEXT;", ".on_request = q", "- { name: a }\n- { name: b, request: { leaves_after: 7 }, expect: { body: 'piece p' } }\n")
    code, out, err = run(so, script)
    assert code == 1 and "the answer has no end; the client may leave: leaves_after" in out + err
    assert "\nok    b (" in out


def test_stores_and_several_plugins(template, folder):
    plugins = find_program()[1]
    script = folder / "s.yaml"
    script.write_text("""plugins:
  tenant: { use: require-header, header: X-Tenant }
  each: { use: rate-limit, rate: 2/min, by: required }
  far: { use: rate-limit, rate: 2/min, by: ip, store: counts, on_store_failure: allow }
stores: { counts: redis }
chain: [tenant, each]
cases:
  - name: two pass
    repeat: 2
    request: { fields: { X-Tenant: green } }
    expect: { answered_by: upstream }
  - name: the third does not
    repeat: 3
    request: { fields: { X-Tenant: green } }
    expect: { answered_by: each, status: 429, has: [Retry-After] }
  - name: a minute later it does
    repeat: 3
    pause: 1m
    request: { fields: { X-Tenant: green } }
    expect: { answered_by: upstream }
  - name: each consumer has a limit
    chain: each
    repeat: 2
    facts: { required: blue }
    expect: { answered_by: upstream, facts: { required: blue } }
  - name: a store that fails
    chain: far
    stores: [ { store: counts, fails: unreachable } ]
    expect: { answered_by: upstream, notes: [limit-store-down] }
""")
    args = ["--plugin-dir", plugins] if plugins else []
    code, out, err = run(template, script, *args)
    assert code == 0, out + err


def test_a_hook_that_looks_at_one_part_alone(odd):
    so, script = odd(r"""
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	(void)conf;
	const sluice_body_plan plan = { .size = sizeof(plan), .max = 1024 };
	return sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}
static sluice_verdict on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)conf, (void)end;
	if (memmem(data.data, data.len, "evil", 4))
		return sluice_refuse(x, 403, "evil", "no");
	sluice_body_pass(x, data.len);
	return SLUICE_NEXT;
}
""", ".on_request = on_request, .on_request_body = on_body", """  - name: evil is refused
    request: { method: POST, body: "an evil body" }
    expect: { status: 403, reason: evil }
""")
    code, out, _ = run(so, script)
    assert code == 1
    assert out.startswith("FAIL  evil is refused\n    splits: the request's body comes as 4 bytes and the rest\n        ")
    assert "            expected  403\n            got       200\n" in out
    assert "runs like these; --verbose tells all" in out


def test_memory_that_is_taken_for_granted(odd):
    so, script = odd(r"""
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	(void)conf;
	char *p = sluice_alloc(x, 64);
	memset(p, 'a', 64);
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("x-a"), (sluice_str){ p, 64 });
	return SLUICE_NEXT;
}
""", ".on_request = on_request", "  - name: it goes on\n    expect: { forwarded: { has: [X-A] } }\n")
    code, out, _ = run(so, script)
    assert code == 1
    end = "ends with exit status " if SANITIZED else "crashes: signal 11 (Segmentation fault)\n"
    assert out.startswith("FAIL  it goes on\n    memory: the request has 0 bytes left\n        " + end)
    assert run(so, script, "--variations", "splits,drops")[0] == 0


def test_a_plugin_that_hangs(odd):
    so, script = odd("""
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	(void)conf;
	while (sluice_field(x, SLUICE_REQUEST, SLUICE_STR("x-loop")).data)
		;
	return SLUICE_NEXT;
}
""", ".on_request = on_request", """  - name: for ever
    request: { fields: { X-Loop: "1" } }
  - name: not for ever
""")
    code, out, _ = run(so, script, "--seconds", "2", "--no-variations")
    assert code == 1
    assert out == """FAIL  for ever
    as the script says
        hangs: it was killed after 2 s
ok    not for ever (1 run)
2 cases, 1 failed
"""


LEAK = r"""
static sluice_verdict answered(sluice_exchange *x, const void *conf, const sluice_fetch_response *r)
{
	(void)conf, (void)r;
	free(*(void **)sluice_state(x, sizeof(void *)));
	return SLUICE_NEXT;
}
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	const struct conf *c = conf;
	sluice_fetch_request r = { .size = sizeof(r), .url = c->url };
	*(void **)sluice_state(x, sizeof(void *)) = malloc(100);
	return sluice_fetch(x, &r, answered);
}
"""


def test_a_leak_when_the_client_leaves(odd, monkeypatch):
    """The plugin alone has the address sanitizer, the tool gets it by LD_PRELOAD, unless it was built with it."""
    if not SANITIZED:
        monkeypatch.setenv("CC", "gcc")
    so, script = odd(LEAK, ".on_request = on_request", """  - name: it asks
    fetches: [ { url: "http://who/" } ]
    expect: { answered_by: upstream }
""", options=', url: "http://who/"', flags=["-fsanitize=address"])
    code, out, err = run(so, script, "--variations", "delays,drops", env={} if SANITIZED else {"LD_PRELOAD": libasan()})
    assert code == 1, out + err
    assert out.startswith("FAIL  it asks\n    drops: the client leaves at wait 1\n        ends with exit status ")
    assert "LeakSanitizer" in out and "on_request" in out


def test_hooks_of_connections(folder):
    so, script = example(folder, "gate", """plugins:
  any: { use: gate }
  one: { use: gate, names: [a.test] }
cases:
  - name: all requests come by one connection
    chain: [any]
    repeat: 30
    expect: { status: 200, refused: "" }
  - name: on a plain connection there is no name
    chain: [one]
    request: { scheme: http }
    expect: { status: 200 }
  - name: a client that asks for no name is refused
    chain: [any, one]
    expect: { refused: unknown-name, not_forwarded: true }
  - name: nobody is refused
    chain: [one]
    expect: { refused: "" }
""")
    code, out, err = run(so, script)
    assert code == 1 and not err, out + err
    assert [line.split(" (")[0].split() for line in out.splitlines() if line.startswith("ok")] == [
        ["ok", *name.split()] for name in ("all requests come by one connection", "on a plain connection there is no name",
                                           "a client that asks for no name is refused")]
    assert "connection refused" in out and "unknown-name" in out


def test_a_crash_in_a_hook_of_connections(odd):
    so, script = odd("""
static sluice_verdict on_secured(sluice_conn *c, const void *conf)
{
	(void)conf;
	return *(volatile int *)sluice_conn_state(c, 0) ? SLUICE_FAIL : SLUICE_NEXT;
}""", ".on_secured = on_secured", "  - name: it connects\n")
    code, out, err = run(so, script)
    assert code == 1, out + err
    end = "ends with exit status " if SANITIZED else "crashes: "
    assert end in out and "sluice_conn_state() is refused" in out
