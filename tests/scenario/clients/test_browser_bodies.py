"""What Chromium shows of bodies that compress made, and of pages in the place of errors."""
import shutil
import subprocess

import pytest

from kit.configs import PLAIN_AND_TLS
from kit.origin import reply
from kit.process import wait_for

PROGRAM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium"))), None)
pytestmark = pytest.mark.skipif(not PROGRAM, reason="neither chromium-headless-shell nor chromium is installed")
CODINGS = ("zstd", "br", "gzip")
CONFIG = PLAIN_AND_TLS + """
upstreams:
  app: { servers: ["127.0.0.1:@app@"] }
plugins:
  pages: { use: error-pages }
  gone: { use: compress, min_size: 0 }
""" + "".join(f"  {c}: {{ use: compress, encodings: [{c}] }}\n" for c in CODINGS) + """
routes:
  - { name: gone, match: { path: /gone }, plugins: [gone, pages], respond: { status: 410 } }
""" + "".join(f"  - {{ name: {c}, match: {{ path: /{c} }}, plugins: [{c}], upstream: app }}\n" for c in CODINGS)
WORDS = " ".join(f"word{i}" for i in range(5000))


@pytest.fixture
def show(gateway, origin, server_cert, folder):
    up = origin(reply(200, f"<!doctype html><title>t</title><p>{WORDS}</p>".encode(), [("Content-Type", "text/html")]))
    g = gateway(CONFIG, app=up.port, cert=server_cert.cert, key=server_cert.key)

    def dom(path):
        """The document that the browser makes of the page, and what the log says of its request."""
        args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--no-proxy-server", "--headless", "--ignore-certificate-errors",
                f"--user-data-dir={folder / 'browser'}", "--dump-dom", f"https://127.0.0.1:{g.port('tls')}{path}"]
        done = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=50, env={"HOME": str(folder)}, check=False)
        lines = wait_for(lambda: [line for line in g.access() if line["path"] == path], what=f"a line of the log; the browser said {done.stderr}")
        return done.stdout, lines[0]
    return dom


@pytest.mark.parametrize("coding", CODINGS)
def test_a_compressed_page(show, coding):
    dom, line = show(f"/{coding}")
    assert f"<p>{WORDS}</p>" in dom
    assert line["bytes_out"] < len(WORDS) // 2


def test_an_error_page(show):
    dom, line = show("/gone")
    assert "<h1>Gone</h1>" in dom and line["id"] in dom and line["status"] == 410
