"""on_attempt: what a plugin does to a request each time that it is about to be sent to a server."""
import pytest

from kit.modules import build_module
from kit.origin import drop, echo
from kit.tokens import refusal

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
  pair: { servers: ["127.0.0.1:@app@", "127.0.0.1:@bad@"], retries: 2 }
routes:
  - { name: pair, match: { path: /pair }, plugins: [{ use: attempt, does: @does@ }], upstream: pair }
  - { name: all, match: { path: /* }, plugins: [{ use: attempt, does: @does@ }], upstream: app }
  - { name: here, match: { path: /here }, plugins: [{ use: attempt, does: @does@ }], respond: { body: "here" } }
"""
ATTEMPT = r"""
#include <sluice/plugin.h>
#include <stdio.h>
struct attempt { int32_t does; };
enum { SIGN, FAIL, ANSWER, WAIT, REROUTE };
static const char *const does[] = { "sign", "fail", "answer", "wait", "reroute", NULL };
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, struct attempt, does, .choices = does, .doc = "what its hook does"),
	SLUICE_OPTIONS_END,
};
static sluice_verdict go_on(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_NEXT;
}
static sluice_verdict on_attempt(sluice_exchange *x, const void *conf)
{
	unsigned *tries = sluice_state(x, sizeof(*tries));
	char text[16];
	switch (((const struct attempt *)conf)->does) {
	case FAIL:
		return SLUICE_FAIL;
	case ANSWER:
		return sluice_refuse(x, 403, "too-late", "");
	case WAIT:
		return sluice_sleep(x, 1, go_on);
	case REROUTE:
		(void)sluice_target_set(x, SLUICE_STR("/elsewhere"), (sluice_str){ 0 });
		break;
	default:
		break;
	}
	size_t n = (size_t)snprintf(text, sizeof(text), "try %u", ++*tries);
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("X-Signature"), (sluice_str){ text, n });
	return SLUICE_NEXT;
}
SLUICE_PLUGIN("attempt", .summary = "signs requests", .options = options, .conf_size = sizeof(struct attempt), .on_request = go_on,
	.on_attempt = on_attempt);
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("attempt"), "attempt", ATTEMPT)


@pytest.fixture
def attempting(gateway, origin, modules):
    def make(does):
        up, bad = origin(echo), origin(drop)
        g = gateway(CONFIG, app=up.port, bad=bad.port, does=does, args=["--plugin-dir", modules])
        g.up, g.bad = up, bad
        return g
    return make


def signatures(up):
    return [value for r in up.requests for value in r.fields.all("x-signature")]


def test_each_try_has_its_own(attempting):
    g = attempting("sign")
    assert [g.get("/pair").status for _ in range(6)] == [200] * 6
    first = signatures(g.bad)    # of requests that go there first: each worker has its own turn
    assert first and set(first) == {"try 1"}
    assert sorted(signatures(g.up)) == ["try 1"] * (6 - len(first)) + ["try 2"] * len(first)


def test_a_kept_connection_is_a_try_too(attempting):
    g = attempting("sign")
    assert [g.get("/a").status for _ in range(3)] == [200] * 3
    assert signatures(g.up) == ["try 1"] * 3


def test_no_server_is_asked_for_an_answer_of_the_gateway(attempting):
    g = attempting("fail")
    assert g.get("/here").status == 200


@pytest.mark.parametrize("does, why", [
    ("fail", "it returned SLUICE_FAIL"),
    ("answer", "it answered in on_attempt, when the request is about to be sent"),
    ("wait", "it returned SLUICE_FAIL"),
])
def test_a_failure_sends_nothing(attempting, does, why):
    g = attempting(does)
    assert refusal(g.get("/a")) == "plugin-failed"
    assert not g.up.requests
    g.wait_log(rf'error plugin: plugin instance "all/0" \(attempt\) in on_attempt: {why}; route all')
    assert refusal(g.get("/a")) == "plugin-failed"    # the server is not held to have failed


def test_it_is_too_late_to_send_it_elsewhere(attempting):
    g = attempting("reroute")
    assert g.get("/a").status == 200
    assert [r.target for r in g.up.requests] == ["/a"]
    g.wait_log(r'"all/0" \(attempt\) in on_attempt: the target of the request stays as it is')
