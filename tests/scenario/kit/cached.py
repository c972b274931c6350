"""For tests of the plugin cache: an upstream whose pages the test sets, and what the cache says of a response."""
import threading
import time
from email.utils import formatdate

from .origin import reply

CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  pages: { use: cache%s }
routes:
  - { name: all, match: { path: /* }, plugins: [pages], upstream: app }
"""


def date(offset=0):
    return formatdate(time.time() + offset, usegmt=True)


class Site:
    """An upstream whose pages are set by their path: a function of the request, or (status, fields, body)."""

    def __init__(self, origin):
        self.pages, self.lock = {}, threading.Lock()
        self.up = origin(self.answer)

    def answer(self, peer, request):
        page = self.pages.get(request.target.split("?")[0], (404, [], b"none"))
        status, fields, body, *more = page(request) if callable(page) else page
        reply(status, body, fields, **(more[0] if more else {}))(peer, request)

    def asked(self, path):
        return [r for r in list(self.up.requests) if r.target.split("?")[0] == path]


def said(response):
    """What this cache has added to Cache-Status."""
    lines = response.fields.all("cache-status")
    return lines[-1] if lines else ""


def results(g, instance="pages"):
    start = f'sluice_plugin_cache_requests_total{{instance="{instance}",result="'
    return {k[len(start):-2]: v for k, v in g.metrics().items() if k.startswith(start)}


FRESH = ("Cache-Control", "max-age=60")
OLD = formatdate(time.time() - 100000, usegmt=True)


def start(gateway, site):
    """begin(options): a gateway with these options of the cache, in front of the site."""
    def begin(options="", config=CONFIG, **more):
        g = gateway(config % ((", " + options) if options else ""), app=site.up.port, **more)
        g.site = site
        return g
    return begin
