"""A call that a plugin sends to another upstream than its route says."""
import time

from kit.modules import build_module

SOURCE = """
#include <sluice/plugin.h>
struct there { const sluice_upstream *to; };
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_UPSTREAM, struct there, to, .flags = SLUICE_F_REQUIRED, .doc = "where"),
	SLUICE_OPTIONS_END
};
static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	return sluice_upstream_set(x, ((const struct there *)conf)->to) ? SLUICE_NEXT : SLUICE_FAIL;
}
SLUICE_PLUGIN("there", .version = "1", .summary = "sends there", .options = options, .conf_size = sizeof(struct there),
              .on_request = on_request);
"""
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@", protocols: [h2], plugins: [%s] }
upstreams:
  old: { servers: ["127.0.0.1:@old@"] }
  calls: { servers: ["127.0.0.1:@calls@"], protocol: h2c, timeouts: { response: 300ms, ping: 10s } }
routes:
  - { name: all, match: { path: /* }, plugins: [%s], %s }
"""


def test_what_the_upstream_speaks_counts(gateway, server, channel, folder):
    """The route has one of HTTP/1.1, or none. On the one that was set, by a plugin of the route or of the listener, a call may be
    silent for longer than a response."""
    modules = build_module(folder / "modules", "there", SOURCE)
    there = "{ use: there, to: calls }"
    for listener, plugins, route in (("", there, "upstream: old"), ("", there, "respond: {}"), (there, "", "upstream: old")):
        up = server()
        g = gateway(CONFIG % (listener, plugins, route), calls=up.port, args=["--plugin-dir", modules])
        c = channel(g.port())
        assert c.unary("Unary", b"word") == b"word"
        waits = c.future("Wait", b"long")
        time.sleep(1)  # three times as long as a response could take
        assert not waits.done()
        up.release.set()
        assert waits.result() == b"long"
        assert [line["upstream"] for line in g.access(2)] == ["calls"] * 2
