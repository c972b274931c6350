"""A real server behind the gateway."""
import hashlib

import pytest

from kit.configs import proxy


@pytest.fixture
def site(nginx, folder):
    root = folder / "site"
    root.mkdir()
    (root / "small.txt").write_text("small\n")
    data = bytes(i * 7 % 256 for i in range(256)) * 12_000
    (root / "big.bin").write_bytes(data)
    server = f"""
        root {root};
        location /echo {{ proxy_pass http://127.0.0.1:1/; }}
        location /status {{ return 200 "$request_method $http_x_forwarded_for $http_host $server_protocol"; }}
        location /gone {{ return 410; }}
        location /chunked {{ ssi on; ssi_types *; default_type text/plain; }}
        location /upload {{ dav_methods PUT; create_full_put_path on; }}
        location /close {{ keepalive_timeout 0; return 200 "bye"; }}
    """
    return nginx(server), data


@pytest.mark.smoke
def test_files(gateway, site):
    up, data = site
    g = gateway(proxy(), app=up.port)
    with g.connect() as c:
        assert c.get("/small.txt").body == b"small\n"
        r = c.get("/big.bin")
        assert hashlib.sha256(r.body).digest() == hashlib.sha256(data).digest()
        part = c.get("/big.bin", [("Range", "bytes=1000-1999")])
        assert part.status == 206 and part.body == data[1000:2000] and part.header("Content-Range").startswith("bytes 1000-1999/")
        again = c.get("/big.bin", [("If-None-Match", r.header("ETag"))])
        assert again.status == 304
        assert c.request("HEAD", "/big.bin").response("HEAD").header("Content-Length") == str(len(data))
        assert c.get("/none").status == 404
        assert c.get("/gone").status == 410
        assert c.get("/status").text == "GET 127.0.0.1 localhost HTTP/1.1"
        assert c.get("/close").text == "bye" and c.get("/status").status == 200


def test_uploads(gateway, site):
    up, data = site
    g = gateway(proxy(), app=up.port)
    with g.connect() as c:
        assert c.request("PUT", "/upload/a.bin", body=data).response().status in (201, 204)
        c.request("PUT", "/upload/b.bin", [("Transfer-Encoding", "chunked")])
        for at in range(0, len(data), 50_000):
            piece = data[at:at + 50_000]
            c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        assert c.send("0\r\n\r\n").response().status in (201, 204)
        assert c.get("/upload/a.bin").body == data and c.get("/upload/b.bin").body == data


def test_compressed_and_chunked(gateway, nginx, folder):
    import gzip
    root = folder / "zip"
    root.mkdir()
    (root / "a.html").write_text("<p>hello</p>" * 1000)
    up = nginx(f"root {root}; gzip on; gzip_min_length 1; gzip_proxied any;")
    g = gateway(proxy(), app=up.port)
    r = g.get("/a.html", [("Accept-Encoding", "gzip")])
    assert r.header("Content-Encoding") == "gzip" and r.framing == "chunked"
    assert gzip.decompress(r.body) == b"<p>hello</p>" * 1000


def test_a_restart_is_survived(gateway, nginx):
    up = nginx()
    g = gateway(proxy(upstream="health: { retry_after: 100ms }"), app=up.port)
    with g.connect() as c:
        assert c.get().body == b"ok"
        up.stop()
        assert c.get().status == 502
        up.start()
        assert c.get().body == b"ok"


def test_a_unix_socket(gateway, nginx, folder):
    up = nginx(http=f'server {{ listen unix:{folder}/up; location / {{ return 200 "by socket: $http_host"; }} }}')
    g = gateway(proxy(servers=[f'"unix:{folder}/up"']))
    with g.connect() as c:
        for _ in range(3):
            assert c.get(host="shop.example").text == "by socket: shop.example"
    up.stop()
    r = g.get()
    assert r.status == 502
