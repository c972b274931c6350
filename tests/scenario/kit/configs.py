"""Configurations that many tests share."""


def proxy(listener="", upstream="", plugins="", servers=("@app@",), route=""):
    """One listener, one upstream, one route for everything. listener, upstream, route: further keys of these blocks, as in
    "max_head: 4KiB, timeouts: { head: 100ms }". servers: @ports@ of this machine, or entries as they are to stand there."""
    addresses = ", ".join(f'"127.0.0.1:{s}"' if s.startswith("@") else s for s in servers)
    return f"""
listeners:
  - {{ name: public, address: "127.0.0.1:@public@"{", " + listener if listener else ""} }}
upstreams:
  app: {{ servers: [{addresses}]{", " + upstream if upstream else ""} }}
routes:
  - {{ name: all, match: {{ path: /* }}, upstream: app{", plugins: [" + plugins + "]" if plugins else ""}{route} }}
"""


PROXY = proxy()

# A plain listener, and one of TLS for both versions of HTTP.
PLAIN_AND_TLS = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
  - name: tls
    address: 127.0.0.1:@tls@
    protocols: [h2, http/1.1]
    tls: { certificates: [{ certificate: "@cert@", private_key: "@key@" }] }
"""

# Answers by itself: no upstream.
HELLO = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
routes:
  - { name: hello, match: { path: /hello }, respond: { body: "hello\\n" } }
"""
