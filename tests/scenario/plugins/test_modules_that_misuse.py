"""Modules that call services as they must not: what the client gets, what the operator is told, and that the gateway goes on."""
import os
import re
import shutil
from signal import SIGBUS, SIGSEGV

import pytest

from kit.gateway import Gateway
from kit.memory import SANITIZED
from kit.modules import build_module
from kit.tokens import refusal

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
plugins:
  culprit: { use: misuse, how: @how@ }
routes:
  - { name: all, match: { path: /* }, plugins: [culprit], respond: { status: 204 } }
"""
SOURCE = r"""
#include <sluice/plugin.h>
#include <pthread.h>
#include <stdlib.h>
struct misuse { int32_t how; sluice_instance *inst; };
enum { NEXT_AFTER_REFUSE, REPLY_700, REFUSE_200, BAD_CODE, NULL_EXCHANGE, NULL_STORE, NULL_CALLBACK, NULL_REQUEST, TIMER_IN_A_HOOK,
       WRONG_PHASE, FOREIGN_THREAD, LEAK, NOTHING };
static void *volatile lost; /* so that the compiler does it */
static const char *const ways[] = { "next-after-refuse", "reply-700", "refuse-200", "bad-code", "null-exchange", "null-store",
	"null-callback", "null-request", "timer-in-a-hook", "wrong-phase", "foreign-thread", "leak", "nothing", NULL };
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, struct misuse, how, .choices = ways, .doc = "how"),
	SLUICE_OPTIONS_END,
};
static int check(sluice_instance *inst, void *conf) { ((struct misuse *)conf)->inst = inst; return 0; }
static void on_timer(sluice_instance *inst, void *conf) { (void)inst, (void)conf; abort(); }
static sluice_verdict on_stored(sluice_exchange *x, const void *conf, sluice_status st, const sluice_value *v)
{ (void)x, (void)conf, (void)st, (void)v; return SLUICE_NEXT; }
static sluice_verdict on_fetched(sluice_exchange *x, const void *conf, const sluice_fetch_response *r)
{ (void)x, (void)conf, (void)r; return SLUICE_NEXT; }
static void *thread(void *x)
{
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("x-thread"), SLUICE_STR("was here"));
	return sluice_alloc(x, 1);
}
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	const struct misuse *m = conf;
	const sluice_str get[] = { { "GET", 3 }, { "k", 1 } };
	const sluice_body_plan plan = { .size = sizeof(plan), .mode = SLUICE_BODY_STREAM, .max = 1 };
	pthread_t t;
	void *got;
	switch (m->how) {
	case NEXT_AFTER_REFUSE: sluice_refuse(x, 403, "no", "No."); return SLUICE_NEXT;
	case REPLY_700: return sluice_reply(x, 700, SLUICE_STR("text/plain"), SLUICE_STR("a"));
	case REFUSE_200: return sluice_refuse(x, 200, "fine", "Fine.");
	case BAD_CODE: return sluice_refuse(x, 403, "Bad Code\"}", "No.");
	case NULL_EXCHANGE: sluice_field_set(NULL, SLUICE_REQUEST, get[0], get[1]); return SLUICE_NEXT;
	case NULL_STORE: return sluice_store_command(x, NULL, get, 2, 10, on_stored);
	case NULL_CALLBACK: return sluice_sleep(x, 10, NULL);
	case NULL_REQUEST: return sluice_fetch(x, NULL, on_fetched);
	case TIMER_IN_A_HOOK: sluice_timer(m->inst, 1, on_timer); return SLUICE_NEXT;
	case WRONG_PHASE: return sluice_body_want(x, SLUICE_REQUEST_TRAILERS, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
	case FOREIGN_THREAD:
		if (pthread_create(&t, NULL, thread, x) || pthread_join(t, &got) || got)
			abort();
		return SLUICE_NEXT;
	case LEAK: lost = malloc(4 << 20); memset((void *)lost, 1, 4 << 20); return SLUICE_NEXT;
	}
	return SLUICE_NEXT;
}
SLUICE_PLUGIN("misuse", .summary = "misuse", .options = options, .conf_size = sizeof(struct misuse), .check = check,
	.on_request = on_request);
"""
HOOK = r'plugin instance "culprit" \(misuse\) in on_request: '
# how -> (what the client gets, what the log says)
MISUSE = {
    "next-after-refuse": ("plugin-failed", HOOK + "it returned SLUICE_NEXT after it had answered; route all, request "),
    "reply-700": ("plugin-failed", HOOK + r"sluice_reply\(\) is refused: the status is not 200 to 599"),
    "refuse-200": ("plugin-failed", HOOK + r"sluice_refuse\(\) is refused: the status is not 400 to 599"),
    "bad-code": ("refused", HOOK + r"sluice_refuse\(\) is refused: the code is not 1 to 64 of a-z, 0-9 and -"),
    "null-exchange": (204, HOOK + r"sluice_field_set\(\) is refused: the exchange is NULL"),
    "null-store": ("plugin-failed", HOOK + r"sluice_store_command\(\) is refused: the store is NULL"),
    "null-callback": ("plugin-failed", HOOK + r"sluice_sleep\(\) is refused: the callback is NULL"),
    "null-request": ("plugin-failed", HOOK + r"sluice_fetch\(\) is refused: the request is NULL"),
    "timer-in-a-hook": (204, HOOK + r"sluice_timer\(\) is refused: it is for the main thread, outside of hooks"),
    "wrong-phase": ("plugin-failed", HOOK + r"sluice_body_want\(\) is refused: it is too late for this body, or the side is no body"),
    "foreign-thread": (204, r"a thread that is no worker: sluice_field_set\(\) is refused: it is for the exchange whose hook runs, "
                            "on its own thread"),
}


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("misuse"), "misuse", SOURCE, ["-pthread"])


@pytest.mark.parametrize("how", MISUSE)
def test_misuse_is_refused_and_told(gateway, modules, how):
    gets, says = MISUSE[how]
    g = gateway(CONFIG.replace("@how@", how), args=["--plugin-dir", modules])
    for _ in range(5):
        r = g.get("/")
        assert gets == (r.status if gets == 204 else refusal(r))
        assert "x-thread" not in r.fields
    g.wait_log("error plugin: " + says)
    assert len(re.findall(says, g.log())) == 1, "one line in ten seconds"


@pytest.mark.skipif(SANITIZED, reason="the sanitizer reports the leak itself")
def test_a_leak_shows_in_the_memory_of_the_process(gateway, modules):
    g = gateway(CONFIG.replace("@how@", "leak"), args=["--plugin-dir", modules])
    before = g.metrics()["process_resident_memory_bytes"]
    for _ in range(20):
        assert g.get("/").status == 204
    assert g.metrics()["process_resident_memory_bytes"] - before > 60 << 20


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's report stands in its place")
def test_a_module_that_is_cut_in_place_is_named_by_the_crash(folder, modules):
    place = folder / "modules"
    place.mkdir()
    shutil.copy(modules / "misuse.so", place / "misuse.so")
    g = Gateway(folder / "g", CONFIG.replace("@how@", "nothing"), args=["--plugin-dir", place])
    try:
        assert g.get("/").status == 204
        os.truncate(place / "misuse.so", 0)
        with g.connect() as c:
            c.request("GET", "/")
            assert g.process.wait(20) in (-SIGBUS, -SIGSEGV)
        assert re.search(r"^sluice: crash: SIG(BUS|SEGV) .* in on_request, route all, request \S+", g.log(), re.M), g.log()
    finally:
        g.kill()


def test_a_module_that_is_written_to_is_named_at_the_reload(folder, modules):
    place = folder / "modules"
    place.mkdir()
    shutil.copy(modules / "misuse.so", place / "misuse.so")
    g = Gateway(folder / "g", CONFIG.replace("@how@", "nothing"), args=["--plugin-dir", place])
    try:
        os.utime(place / "misuse.so")
        g.reload(expect="configuration 2 is in force")
        g.wait_log(r"misuse\.so was written to since it was loaded: the gateway runs the old code until it is restarted")
    finally:
        g.kill()
