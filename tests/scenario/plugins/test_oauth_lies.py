"""Authorization servers that lie: whatever one says at any place where the gateway asks it, no token gets in and no worker waits for it.

Every lie is made of the true answer, so that whoever believes it lets the token in; the lie `none` is that answer, and is believed.
"""
import concurrent.futures
import gzip
import json
import time
import urllib.parse

from kit.origin import raw, reply
from kit.process import wait_for
from kit.tokens import jwks, refusal

JSON, ANSWER_JWT = "application/json", "application/token-introspection+jwt"
MUCH = 100 << 20


# ---- lies: (body of the true answer, its type) -> behaviour ----

def whole(body, kind, *fields):
    return reply(200, body, [("Content-Type", kind), *fields])


def endless(body, kind):
    """100 MiB that are good JSON to the end, as long as somebody reads them."""
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind.encode(), MUCH))
        peer.send(body)
        for _ in range((MUCH - len(body)) // 65536):
            peer.send(b" " * 65536)
    return behave


def endless_chunks(body, kind):
    """The same, without saying how much it will be."""
    def behave(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (kind.encode(), len(body), body))
        for _ in range(MUCH // 65536):
            peer.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
    return behave


def endless_head(body, kind):
    return raw(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n" % kind.encode() + b"X-More: of the same\r\n" * 100000 + b"\r\n" + body, close=True)


def cut(body, kind):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind.encode(), len(body) + 1)
    return raw(head + body, close=True)     # all of it is there, and one byte is missing


def drip(body, kind):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind.encode(), len(body))
    return raw(head + body, pieces=20, interval=0.3)


def twice(body, kind):
    """A member that comes twice: whoever reads the last is told the truth."""
    name = next(iter(json.loads(body)))
    return whole(b'{"%s":null,' % name.encode() + body[1:], kind)


def deep(body, kind):
    return whole(body[:-1] + b',"deep":' + b"[" * 20000 + b"]" * 20000 + b"}", kind)


# True answers that are no JSON by themselves are lied about within: see Liar.introspection_jwt.
LIES = {
    "none": whole,
    "type": lambda body, kind: whole(body, "text/html"),
    "endless": endless,
    "endless-chunks": endless_chunks,
    "endless-head": endless_head,
    "gzip": lambda body, kind: whole(gzip.compress(body), kind, ("Content-Encoding", "gzip")),
    "loop": lambda body, kind: lambda peer, request: reply(302, body, [("Content-Type", kind), ("Location", request.target)])(peer, request),
    "elsewhere": lambda body, kind: lambda peer, request: reply(307, b"", [("Location", request.target.replace("elsewhere", "none"))])(peer, request),
    "cut": cut,
    "drip": drip,
    "twice": twice,
    "deep": deep,
    "page": lambda body, kind: whole(b"<!doctype html><title>Log in</title>" + body, kind),
    "behind": lambda body, kind: whole(body + b"{}", kind),
    "empty": lambda body, kind: whole(b"", kind),
    "error": lambda body, kind: whole(b'{"error":"temporarily_unavailable"}', kind),
}
WITHIN = ("twice", "deep", "page", "behind", "empty", "error")


class Liar:
    """An authorization server at URLs http://.../LIE/PLACE: there it lies at that place, and nowhere else."""

    def __init__(self, origin, key):
        self.key, self.places = key, {"keys": self.keys, "openid": self.openid, "oauth": self.oauth, "ask": self.ask, "ask-jwt": self.ask_jwt,
                                      "token": self.token}
        self.up = origin(self.behave)
        self.url = f"http://127.0.0.1:{self.up.port}"

    def issuer(self, lie, place):
        return f"{self.url}/{lie}/{place}"

    def behave(self, peer, request):
        parts = [p for p in request.target.partition("?")[0].split("/") if p]
        well_known = next((p for p in parts if p.startswith("o") and "-" in p), None) if ".well-known" in parts else None
        lie, place, *more = [p for p in parts if p not in (".well-known", well_known)]
        if well_known and (place, well_known) in (("openid", "openid-configuration"), ("oauth", "oauth-authorization-server")):
            return self.places[place](lie, request)(peer, request)
        if well_known:
            found = place == "token" and well_known == "openid-configuration"
            return reply(200, self.document(lie, place), {"Content-Type": JSON})(peer, request) if found else reply(404)(peer, request)
        if more == ["keys"]:
            return reply(200, jwks(self.key).encode(), {"Content-Type": JSON})(peer, request)
        return self.places[place](lie, request)(peer, request)

    def document(self, lie, place):
        issuer = self.issuer(lie, place)
        return json.dumps({"issuer": issuer, "jwks_uri": f"{issuer}/keys", "authorization_endpoint": f"{issuer}/authorize",
                           "token_endpoint": issuer}).encode()

    def keys(self, lie, _request):
        return LIES[lie](jwks(self.key).encode(), JSON)

    def openid(self, lie, _request):
        return LIES[lie](self.document(lie, "openid"), JSON)

    def oauth(self, lie, _request):
        return LIES[lie](self.document(lie, "oauth"), JSON)

    def ask(self, lie, _request):
        return LIES[lie](b'{"active":true,"sub":"alice","aud":"api"}', JSON)

    def ask_jwt(self, lie, _request):
        now = int(time.time())
        claims = {"iss": "https://idp.test/", "aud": "gateway", "iat": now, "token_introspection": {"active": True, "sub": "alice", "aud": "api"}}
        head, payload = {"alg": self.key.alg, "typ": "token-introspection+jwt", "kid": self.key.kid}, json.dumps(claims).encode()
        if lie not in WITHIN:
            return LIES[lie](self.key.sign_raw(head, payload).encode(), ANSWER_JWT)
        lied = []       # the body that the lie would send, signed as it stands
        LIES[lie](payload, JSON)(Recorder(lied), Recorder)
        return whole(self.key.sign_raw(head, lied[0]).encode(), ANSWER_JWT)

    def token(self, lie, request):
        """The code is the nonce."""
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        id_token = self.key.mint(iss=self.issuer(lie, "token"), aud="gateway", nonce=form.get("code"))
        answer = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": id_token}
        return LIES[lie](json.dumps(answer).encode(), JSON)


class Recorder:
    """A peer that keeps the body of a response, and a request that has a method."""
    method = "GET"

    def __init__(self, bodies):
        self.bodies = bodies

    def send(self, data):
        self.bodies.append(data.partition(b"\r\n\r\n")[2])


# ---- the gateway ----

LONG, SHORT = "15s", "500ms"      # only who drips is cut off by the clock; all others are seen through
JWT = "use: jwt, audience: api, key_wait: 500ms, fetch_timeout: {time}"
ASK = 'introspection: {{ url: "{url}", client_id: gateway, client_secret: not-told, timeout: {time}, negative_ttl: 0s'
PLACES = {
    "keys": JWT + ', issuer: "https://idp.test/", jwks: "{url}"',
    "openid": JWT + ', issuers: {{ "{url}": openid }}',
    "oauth": JWT + ', issuers: {{ "{url}": oauth }}',
    "ask": JWT + ", " + ASK + " }}",
    "ask-jwt": JWT + ', issuer: "https://idp.test/", jwks: "file:keys.json", ' + ASK + ", format: jwt }}",
    "token": 'use: oidc, issuer: "{url}", client_id: gateway, client_secret: not-told, secret: "32 bytes or more that are no secret", '
             "fetch_timeout: {time}, redirect_uri: /{lie}/token/callback",
}
REFUSED = {"keys": (503, "jwks-unavailable"), "openid": (503, "jwks-unavailable"), "oauth": (503, "jwks-unavailable"),
           "ask": (503, "introspection-unavailable"), "ask-jwt": (503, "introspection-unavailable"), "token": (502, "login-provider")}
CUT_OFF = "no time was left"
# An answer that cannot be read to its end is, at a token endpoint, as good as none.
UNREADABLE = ("endless", "endless-chunks", "endless-head", "cut", "drip")
EVERY = [(lie, place) for lie in LIES for place in PLACES]


def config(liar):
    plugins = "".join(f"  {lie}-{place}: {{ {PLACES[place].format(url=liar.issuer(lie, place), lie=lie, time=SHORT if lie == 'drip' else LONG)} }}\n"
                      for lie, place in EVERY)
    routes = "".join(f"  - {{ name: {lie}-{place}, match: {{ path: /{lie}/{place}/* }}, plugins: [{lie}-{place}], respond: {{ body: in }} }}\n"
                     for lie, place in EVERY)
    return ('runtime: { workers: 1 }\nlisteners:\n  - { name: public, address: "127.0.0.1:@public@" }\nplugins:\n' + plugins + "routes:\n" + routes
            + "  - { name: free, match: { path: /free }, respond: { body: free } }\n")


def expected(lie, place):
    return (503, "login-unavailable") if place == "token" and lie in UNREADABLE else REFUSED[place]


def outcome(r):
    return r.text if r.status == 200 else (r.status, refusal(r))


def get(g, target, fields=()):
    with g.connect(timeout=50) as c:
        return c.get(target, fields)


def log_in(g, lie):
    """A whole login; the callback's answer where that refuses."""
    page = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
    first = get(g, f"/{lie}/token/page", page)
    if first.status != 302:
        return outcome(first)
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(first.header("location")).query))
    cookie = first.header("set-cookie").partition(";")[0]
    back = get(g, f"/{lie}/token/callback?" + urllib.parse.urlencode({"code": asked["nonce"], "state": asked["state"]}), [("Cookie", cookie)])
    sessions = [c.partition(";")[0] for n, c in back.fields if n.lower() == "set-cookie" and c.startswith("session=")]
    if back.status != 303:
        assert not sessions
        return outcome(back)
    return outcome(get(g, f"/{lie}/token/page", [*page, ("Cookie", sessions[0])]))


def test_no_lie_lets_a_token_in_or_holds_a_worker(gateway, origin, es256):
    liar = Liar(origin, es256)
    g = gateway(config(liar), files={"keys.json": jwks(es256)})

    def one(lie, place):
        if place == "token":
            return log_in(g, lie)
        issuer = liar.issuer(lie, place) if place in ("openid", "oauth") else "https://idp.test/"
        token = "opaque" if place.startswith("ask") else es256.mint(iss=issuer)
        return outcome(get(g, f"/{lie}/{place}/", [("Authorization", f"Bearer {token}")]))

    def said(lie, place):
        return [line for line in g.log().splitlines() if f"/{lie}-{place}: " in line]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        running = {which: pool.submit(one, *which) for which in EVERY if which[0] != "none"}
        rounds = 0
        while not all(f.done() for f in running.values()):
            assert g.get("/free").text == "free"
            rounds += 1
            time.sleep(0.02)
    answers = {which: f.result() for which, f in running.items()}
    assert {which: a for which, a in answers.items() if a != expected(*which)} == {}
    assert rounds > 5, "the worker is there for others meanwhile"
    lines = {which: said(*which) for which in answers}
    assert [which for which, said in lines.items() if not said] == [], "the log says what was wrong"
    assert {which: said for which, said in lines.items() if which[0] != "drip" and any(CUT_OFF in line for line in said)} == {}
    assert "not-told" not in g.log()
    for place in PLACES:
        wait_for(lambda place=place: one("none", place) == "in", 20, f"the truth at {place} to be believed")
