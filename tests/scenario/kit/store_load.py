"""A gateway whose limits are counted in Redis, under load while something happens to that Redis."""
import threading
import time

from .process import wait_for
from .tokens import refusal

TIMEOUT, MARGIN = 0.1, 0.5  # seconds; a request that waited for a connection or a reply without end would take a second or more
POLICIES = ("allow", "deny", "local")
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
stores:
  shared: { redis: "@redis@", connect_timeout: 2s, @store@ }
plugins:
  exact: { use: rate-limit, rate: 1/d, burst: 5, by: "header:x-key", store: shared, timeout: 1s, on_store_failure: deny }
""" + "".join(f"""
  {p}: {{ use: rate-limit, rate: 1000000/h, burst: 1000000, by: "header:x-key", store: shared, timeout: 100ms, on_store_failure: {p} }}
""" for p in POLICIES) + """
routes:
  - { name: exact, match: { path: /exact }, plugins: [exact], respond: { status: 200 } }
""" + "".join(f"""
  - {{ name: {p}, match: {{ path: /{p} }}, plugins: [{p}], respond: {{ status: 200 }} }}
""" for p in POLICIES)


class Load:
    """Clients on each policy's route, one request after another. seen: policy -> [(status, code, seconds)]."""

    def __init__(self, g, clients=2):
        self.g, self.stopped = g, threading.Event()
        self.seen = {p: [] for p in POLICIES}
        self.errors = []
        self.threads = [threading.Thread(target=self.run, args=(p,)) for p in POLICIES for _ in range(clients)]

    def run(self, policy):
        try:
            with self.g.connect("public") as c:
                while not self.stopped.is_set():
                    began = time.monotonic()
                    r = c.get(f"/{policy}", [("x-key", policy)])
                    self.seen[policy].append((r.status, refusal(r), time.monotonic() - began))
        except Exception as e:  # an exception of a thread would go unseen
            self.errors.append(repr(e))

    def __enter__(self):
        for t in self.threads:
            t.start()
        self.wait_more(50)
        return self

    def wait_more(self, n):
        """Until each policy has answered n more requests."""
        marks = {p: len(self.seen[p]) for p in POLICIES}
        wait_for(lambda: self.errors or all(len(self.seen[p]) >= marks[p] + n for p in POLICIES), what="answers under load")

    def __exit__(self, *_):
        self.stopped.set()
        for t in self.threads:
            t.join()

    def check(self):
        assert self.errors == []
        for p in POLICIES:
            assert max(s for _, _, s in self.seen[p]) < TIMEOUT + MARGIN, p
        assert {(status, code) for status, code, _ in self.seen["allow"]} == {(200, None)}
        assert {(status, code) for status, code, _ in self.seen["local"]} == {(200, None)}
        assert {(status, code) for status, code, _ in self.seen["deny"]} <= {(200, None), (503, "limit-store-down")}


def counted_there(g, r):
    """Whether a request is counted in Redis."""
    key = f"k{time.monotonic()}"
    g.get("/exact", [("x-key", key)])
    return any(k.endswith(key) for k in r.client.keys())
