"""Uploads that are answered before they are complete: real clients see the answer, every time, and no reset or timeout."""
import json
import os
import re
import shutil
import subprocess

import pytest

SIZES = [1_000, 70_000, 200_000, 1_000_000, 4_000_000, 12_000_000]
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
def test_curl_sees_sixty_answers_of_sixty_refused_posts(site, run, kind, asked, uploads, protocol):
    s = site(*[early] * 120, kind=kind, routes=ROUTES)
    base = s.plain if protocol == "--http2-prior-knowledge" else s.tls
    status, body = ANSWERS[asked]
    for i in range(60):
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
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.valueOf(args[0])).build();
    for (int i = 2; i < args.length; i++) {
      HttpRequest request = HttpRequest.newBuilder(URI.create(args[1])).timeout(Duration.ofSeconds(20))
          .POST(HttpRequest.BodyPublishers.ofFile(Path.of(args[i]))).build();
      HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
      System.out.println(response.version() + " " + response.statusCode() + " " + response.body().trim());
    }
  }
}
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("java"), reason="java is not installed")
@pytest.mark.parametrize("version", ["HTTP_2", "HTTP_1_1"])
def test_java_sees_the_answers_to_refused_posts(site, run, kind, asked, uploads, folder, version):
    """Its client does not speak HTTP/2 without TLS unless it is agreed on: so with a store of trust."""
    s = site(*[early] * 30, kind=kind, routes=ROUTES)
    (folder / "Post.java").write_text(JAVA)
    store = folder / "trust"
    run("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", s.ca, "-keystore", store, "-storepass", "changeit")
    out = run("java", f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit",
              folder / "Post.java", version, s.tls + asked, *[uploads / str(n) for n in SIZES], timeout=120).decode()
    status, body = ANSWERS[asked]
    assert out.splitlines() == [f"{version} {status} {body.strip()}"] * len(SIZES)
