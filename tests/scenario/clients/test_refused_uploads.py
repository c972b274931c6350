"""Uploads that are answered before they are complete: real clients see the answer, every time, and no reset or timeout."""
import json
import os
import shutil

import pytest

from kit.soak import times

SIZES = [1_000, 70_000, 200_000, 1_000_000, 3_000_000]
ROUTES = '- { name: refused, match: { path: /refused }, respond: { status: 403, body: "refused\\n" } }'


def early(call):
    """The origin answers without reading the body."""
    call.reply(413, b"too much\n")


ANSWERS = {"/refused": (403, "refused\n"), "/early": (413, "too much\n")}


@pytest.fixture(params=ANSWERS)
def asked(request):
    return request.param


@pytest.fixture
def uploads(folder):
    """A file of each size."""
    for size in SIZES:
        (folder / str(size)).write_bytes(os.urandom(1000) * (size // 1000))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["--http2", "--http1.1", "--http2-prior-knowledge"])
def test_curl_sees_all_answers_to_refused_posts(site, run, asked, uploads, protocol):
    s = site(*[early] * 120, kind="h1" if protocol == "--http2" else "h2c", routes=ROUTES)
    base = s.plain if protocol == "--http2-prior-knowledge" else s.tls
    status, body = ANSWERS[asked]
    for i in range(times(20, 60)):
        out = run("curl", "-sS", protocol, "--cacert", s.ca, "-H", "Expect:", "-w", "%{http_code}", "-X", "POST", "-T",
                  uploads / str(SIZES[i % len(SIZES)]), base + asked, timeout=30)
        assert out.decode() == f"{body}{status}", f"request {i} of {SIZES[i % len(SIZES)]} bytes"


NODE = """
const http2 = require('http2'), fs = require('fs');
const [base, path, ca, ...files] = process.argv.slice(2);
const session = http2.connect(base, { ca: fs.readFileSync(ca) });
const fail = (why) => { console.error(String(why)); process.exit(1); };
session.on('error', fail);
function post(file) {
  return new Promise((done) => {
    const stream = session.request({ ':method': 'POST', ':path': path });
    let status, text = '';
    stream.on('response', (head) => { status = head[':status']; });
    stream.on('data', (piece) => { text += piece; });
    stream.on('error', fail);
    stream.on('close', () => done([status, text]));
    fs.createReadStream(file).on('error', fail).pipe(stream);
  });
}
(async () => {
  const answers = [];
  for (const file of files) answers.push(await post(file));
  console.log(JSON.stringify(answers));
  session.close();
})();
"""


def test_node_sees_the_answers_to_refused_posts(site, run, kind, asked, uploads, folder):
    s = site(*[early] * 30, kind=kind, routes=ROUTES)
    (folder / "post.js").write_text(NODE)
    out = run("node", folder / "post.js", s.tls, asked, s.ca, *[uploads / str(n) for n in SIZES * 2], timeout=50)
    assert [tuple(a) for a in json.loads(out)] == [ANSWERS[asked]] * (2 * len(SIZES))


JAVA = """
import java.net.URI;
import java.net.http.*;
import java.nio.file.Path;
import java.time.Duration;

public class Post {
  public static void main(String[] args) throws Exception {
    for (HttpClient.Version version : HttpClient.Version.values()) {
      HttpClient client = HttpClient.newBuilder().version(version).build();
      for (int i = 1; i < args.length; i++) {
        HttpRequest request = HttpRequest.newBuilder(URI.create(args[0])).timeout(Duration.ofSeconds(20))
            .POST(HttpRequest.BodyPublishers.ofFile(Path.of(args[i]))).build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(response.version() + " " + response.statusCode() + " " + response.body().trim());
      }
    }
  }
}
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(not shutil.which("java"), reason="java is not installed")
def test_java_sees_the_answers_to_refused_posts(site, run, asked, uploads, folder):
    """Over HTTP/2 with TLS, which it agrees on by ALPN, and over HTTP/1.1."""
    s = site(*[early] * 30, kind="h1", routes=ROUTES)
    (folder / "Post.java").write_text(JAVA)
    store = folder / "trust"
    run("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", s.ca, "-keystore", store, "-storepass", "changeit")
    out = run("java", f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit",
              folder / "Post.java", s.tls + asked, *[uploads / str(n) for n in SIZES], timeout=150).decode()
    status, body = ANSWERS[asked]
    assert out.splitlines() == [f"{v} {status} {body.strip()}" for v in ("HTTP_1_1", "HTTP_2") for _ in SIZES]
