#!/usr/bin/env python3
"""Write the seeds of fuzz_http2, fuzz_http2_client and fuzz_reload into tests/fuzz/corpus: python3 tests/fuzz/h2_seeds.py

A seed is a mode and acts, as h2script.h and the targets know them; their numbers are read from there. To be run again when an
act was added before others. It writes its own seeds and leaves the rest of the corpus alone.
"""
import pathlib
import re

HERE = pathlib.Path(__file__).parent


def words(path, prefix):
    """The rows of an enum whose names begin with the prefix, in order, as they are written in a seed."""
    text = re.sub(r"/\*.*?\*/", "", (HERE / path).read_text(), flags=re.S)
    body = re.search(r"enum(?: \w+)? \{([^}]*\b" + prefix + r"[^}]*)\}", text).group(1)
    return [name.lower().replace("_", "-") for name in re.findall(r"\b" + prefix + r"(\w+)", body)]


SAYS = {"say-" + word: 64 + i for i, word in enumerate(words("h2script.h", "SAY_")) if word != "end"}


class Target:
    """One target: what its seeds are made of, and where they go."""

    def __init__(self, name, modes):
        self.folder = HERE / "corpus" / name
        self.acts = {word: i for i, word in enumerate(words(f"fuzz_{name}.c", "ACT_"))} | SAYS
        self.modes = modes

    def seed(self, name, mode, script):
        data = bytearray([sum(self.modes[m] for m in mode.split())])
        for act in filter(None, (a.strip() for a in script.split(";"))):
            word, *args = act.split()
            times = 1
            if args and args[-1].startswith("x"):
                times = int(args.pop()[1:])
            data += (bytes([self.acts[word]]) + bytes(int(a) for a in args)) * times
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"script-{name}").write_bytes(data)


# Lengths: 225 is 1000, 227 4096, 230 16384, 235 100000, 237 200000. Times that pass: 3 is 1.1 s, 4 2.1 s, 5 4.1 s.
server = Target("http2", {"answer": 0, "at-end": 1, "script": 2, "held": 3, "silent": 4, "windows": 8, "raw": 16, "keep": 32,
                          "rest": 64, "little": 128})
for name, mode, script in [
        ("get", "answer windows", "say-headers 1 0; turn; say-headers 1 2; turn x2"),
        ("trailers", "at-end windows", "say-headers 0 15; say-data 0 0 10; say-trailers 0 0 0; turn x9; say-headers 1 0; turn x5"),
        ("no-window", "at-end", "say-headers 1 0; turn; say-window 0 4; say-window 250 4; turn x2; say-window 0 6; say-window 250 6; turn"),
        ("stalled", "script", "say-headers 1 0; turn; answer 0 1 237; turn; pass 4; pass 4; pass 4"),
        ("stalled-and-late", "script keep", "say-headers 1 0; turn; answer 0 3 237; turn; pass 5; pass 5; turn"),
        ("blocked", "script", "block; say-headers 1 0; turn; answer 0 0 235; turn; pass 4; pass 5; unblock; turn"),
        ("drained", "script", "say-headers 1 0; turn; answer 0 3 237; turn; say-window 0 6; say-window 250 6; turn; push 0 225; end 0; turn"),
        ("little-at-a-time", "at-end windows", "read-max 3; write-max 2; say-headers 0 1; say-data 0 0 100; say-data 1 0 100; turn; pass 1; pass 1; pass 1"),
        ("interim", "script windows", "say-headers 1 0; turn; interim 0; interim 0; answer 0 9 100; turn x2"),
        ("wrong-length", "script windows", "say-headers 1 0; turn; answer 0 4 100; turn"),
        ("no-content", "script windows", "say-headers 1 0; turn; answer 0 16 0; turn"),
        ("aborted", "script windows", "say-headers 1 0; turn; answer 0 3 100; turn; abort 0; turn; say-headers 1 0; turn; leave 0; turn"),
        ("tunnel", "answer windows", "say-headers 0 6; turn; say-data 0 0 100; turn; say-data 1 0 5; turn; say-headers 0 6; turn; say-reset 0 5; turn"),
        ("tunnel-late", "script", "say-headers 0 6; turn; say-data 0 0 9; turn; answer 0 0 0; turn; push 0 237; turn; end 0; pass 4; turn"),
        ("client-resets", "script", "say-headers 0 1; turn; say-reset 0 5; turn; say-headers 0 1; turn; answer 0 1 237; turn; say-reset 0 5; turn"),
        ("refused", "held silent", "say-headers 0 1 x135; turn x2"),
        ("goaway", "answer", "say-headers 1 0; say-goaway 0 0; turn x3"),
        ("protocol-error", "script", "say-headers 1 0; turn; say-data 0 250 5; turn; pass 4"),
        ("drain", "script windows", "say-headers 1 0; turn; drain 5; turn x2; answer 0 0 100; turn x3; pass 4"),
        ("drain-unheard", "script silent", "say-headers 1 0; turn; drain 5; turn; pass 3; answer 0 0 100; turn; pass 4"),
        ("ping", "answer", "say-ping 0; say-ping 2; turn; say-ping-ack 0; turn"),
        ("bad-heads", "answer windows", "say-headers 1 10; turn; say-headers 1 11; turn; say-headers 1 13; say-headers 1 8; say-headers 1 9; turn; say-headers 1 12; turn"),
        ("head-timeout", "answer", "say-split-headers 1 0; turn; pass 3; turn"),
        ("trailers-timeout", "script", "say-headers 0 1; turn; say-split-headers 129 0 0; turn; pass 3; turn"),
        ("head-in-pieces", "answer", "say-split-headers 1 2; say-continuation 4 2; turn"),
        ("body-timeout", "script", "say-headers 0 1; turn; say-data 0 0 10; turn; pass 4; turn"),
        ("held-body", "held", "say-headers 0 4; say-data 0 0 229; turn; resume 0; turn; hold 0; say-data 0 0 229; turn; resume 0; say-data 1 0 0; turn"),
        ("too-large", "script", "say-headers 0 14; turn; say-headers 0 1; say-data 0 0 230 x7; turn"),
        ("bad-length", "at-end", "say-headers 0 3; say-data 1 0 10; turn"),
        ("call", "script windows", "say-headers 0 7; turn; pass 4; pass 4; answer 0 11 100; pass 4; push 0 10; end 0; turn"),
        ("call-stalls", "script silent", "say-headers 0 7; turn; say-data 1 0 5; answer 0 3 237; turn; pass 4; pass 4; pass 4"),
        ("idle", "answer rest", "say-headers 1 0; turn; rest; pass 3; pass 5; turn; pass 4"),
        ("retired", "answer windows", "say-headers 1 0 x41; turn x3; say-headers 1 0; turn; pass 4"),
        ("priorities", "script", "say-priority-update 0 240 0 0; say-headers 1 0; turn; say-priority-update 0 0 1 0; answer 0 0 100; turn; "
                                 "say-priority 0 0 16; say-priority-update 0 241 0 0; say-headers 1 5; turn; say-priority-update 0 250 0 0; turn"),
        ("priorities-over-and-over", "answer windows", "say-priority-update 0 240 0 0; say-priority-update 0 242 1 0; say-headers 1 0; turn; " * 12),
        ("settings", "script windows", "say-headers 1 0; say-settings 2 4 0 5 5; turn; answer 0 0 225; turn; say-settings 1 4 3; turn; say-settings 1 1 0; say-headers 1 8; turn"),
        ("flood-of-pings", "answer silent", "say-ping 0 x1100; turn"),
        ("flood-of-resets", "script", "say-headers 0 1 x100; turn; " + "say-headers 0 1; say-reset 0 5; " * 560 + "turn"),
        ("flood-of-continuations", "answer", "say-split-headers 1 0; say-continuation 0 0 x20; turn"),
        ("flood-of-answers", "script", "say-window 250 6; say-settings 1 4 8; say-headers 1 0; turn; block; answer 0 1 237; turn; say-ping 0 x200; turn x2"),
        ("eof", "script", "say-headers 1 0; turn; eof; turn; answer 0 0 100; turn"),
        ("broken", "script keep", "say-headers 1 0; turn; answer 0 3 237; turn; break; turn"),
        ("little-memory", "answer little", "say-headers 1 5 x3; turn; say-headers 0 7; turn"),
        ("frames", "answer", "say-frame 238 1 0 3 1 2 3; say-push-promise 0 1; turn"),
]:
    server.seed(name, mode, script)

client = Target("http2_client", {"": 0, "raw": 1, "hold": 2, "leave": 4, "little": 8, "silent": 16, "windows": 32, "tunnels": 64})
for name, mode, script in [
        ("get", "windows", "turn; begin 0; turn; say-headers 0 1 0; say-data 1 0 100; turn; begin 2; turn; say-headers 1 0 0; turn; pass 3"),
        ("interim", "windows", "turn; begin 0; turn; say-headers 0 2 0; say-headers 0 3 0; turn; say-headers 1 5 0; turn"),
        ("trailers", "windows", "turn; begin 0; begin 1; turn; say-headers 0 0 0; say-data 0 0 100; say-trailers 0 0 0; turn; say-headers 0 0 1; say-trailers 0 1 1; turn"),
        ("bodies-are-held", "hold windows", "turn; begin 0; turn; say-headers 0 0 0; say-data 0 0 229 x3; turn; resume 0; turn; hold 0; resume 0; say-data 1 0 100; turn; resume 0; turn; resume 0; turn"),
        ("tunnel", "tunnels windows", "turn; begin 3; turn; say-headers 0 0 0; turn; say-data 0 0 100; turn; say-data 1 0 0; turn"),
        ("tunnel-refused", "tunnels", "turn; begin 3; turn; say-headers 1 7 0; turn"),
        ("no-tunnel", "", "begin 3; turn x2"),
        ("no-window", "", "turn; begin 4; turn; say-window 0 6; say-window 250 6; turn; say-headers 1 0 0; turn"),
        ("pushed-later", "windows", "turn; begin 9; turn; push 0 235; turn; push 0 100; end 0; turn; say-headers 1 0 0; turn"),
        ("refused", "", "turn; begin 9; turn; say-reset 0 4; turn; begin 1; turn; say-goaway 1 0; turn"),
        ("silent", "", "turn; begin 0; turn; pass 4; pass 4"),
        ("stalls", "", "turn; begin 0; turn; say-headers 0 0 0; turn; pass 4; pass 4"),
        ("closes", "", "turn; begin 0; turn; eof; turn"),
        ("breaks", "", "turn; begin 0; turn; break; turn"),
        ("truncates", "", "turn; begin 0; begin 0; turn; say-headers 0 0 0; turn; eof; turn"),
        ("aborts", "", "turn; begin 0; turn; say-reset 0 5; turn; begin 0; turn; say-headers 0 0 0; say-reset 0 5; turn"),
        ("bad-heads", "", "turn; begin 0; begin 0; begin 0; begin 0; turn; say-headers 1 10 0; say-headers 1 11 1; say-headers 1 12 2; say-headers 1 4 3; turn; begin 0; turn; say-headers 1 13 0; turn"),
        ("bad-length", "", "turn; begin 0; begin 0; turn; say-headers 0 1 0; say-data 1 0 10; turn; say-headers 0 1 1; say-data 0 1 200; turn"),
        ("protocol-error", "", "turn; begin 0; turn; say-priority-update 0 0 0 0; turn"),
        ("goaway-with-a-code", "", "turn; begin 0; turn; say-goaway 0 1; turn; eof; turn"),
        ("little-memory", "little", "turn; begin 0; begin 0; turn; say-headers 0 8 0; say-headers 0 9 0; say-headers 1 9 1; turn"),
        ("call", "", "turn; begin 20; turn; say-headers 0 0 0; turn; pass 3; pass 3; say-data 0 0 5; turn; pass 4; say-trailers 0 1 0; turn"),
        ("call-unheard", "silent", "turn; begin 20; turn; pass 3; pass 3; pass 4; pass 5"),
        ("ping", "", "turn; begin 0; say-ping 0; say-ping 1; turn; say-headers 1 0 0; turn; pass 3"),
        ("leaves", "leave windows", "turn; begin 0; turn; say-headers 0 0 0; turn; begin 9; turn; release 0; turn; say-data 0 0 100; turn"),
        ("retired", "windows", "turn; begin 0; turn; retire; turn; say-headers 1 0 0; turn"),
        ("no-settings", "raw", "begin 0; turn; pass 4; turn"),
        ("idle", "", "turn; stale; pass 4; turn"),
        ("push", "", "turn; begin 0; turn; say-push-promise 0 1; turn"),
        ("floods", "", "turn; begin 0; turn; say-ping 0 x1100; turn"),
        ("head-in-pieces", "", "turn; begin 0; turn; say-split-headers 1 1 0; say-continuation 4 1; turn; say-split-headers 1 1 0; turn; pass 4"),
        ("little-at-a-time", "windows", "read-max 2; write-max 3; turn; begin 4; turn; pass 1; pass 1; say-headers 0 0 0; say-data 1 0 100; turn; block; pass 1; unblock; turn"),
        ("settings", "", "turn; say-settings 3 3 2 4 0 5 5; begin 4; begin 4; turn; say-settings 1 4 7; turn; say-settings 1 3 0; turn; say-settings 1 8 0; turn"),
]:
    client.seed(name, mode, script)

reload = Target("reload", {"kind": 0, "stingy": 1, "silent": 2})
# What an HTTP/1.1 client says: texts of fuzz_reload.c by number, from SAY on.
reload.acts |= {f"ask-{i}": 64 + i for i in range(16)}
# Connections to servers: 0 is the latest to server 0, 1 that to server 1, 2 and 3 those before. Times that pass: 1 is 20 ms, 2 60 ms,
# 3 250 ms, 4 400 ms, 5 1.1 s. Configurations 0 and 2 lead to server 0 by HTTP/1.1, 1 to server 1 by HTTP/2.
H1, H2 = "open 0; turn; ", "open 1; turn; "
for name, mode, script in [
        ("get", "kind", H1 + "ask-0; turn; answer 0 0; turn"),
        ("get-old", "kind", H1 + "ask-0; turn; reload 1; turn; answer 0 0; turn; ask-0; turn x4; server-frame 1 0 1 0 0; turn x4"),
        ("get-old-h2", "kind", H2 + "say-headers 5 0; turn; reload 1; turn; answer 0 0; turn; say-headers 5 0; turn x4; "
         "server-frame 1 0 1 0 0; turn x4"),
        ("h2-upstream-goes", "kind", "reload 1; " + H2 + "say-headers 4 1; turn; reload 0; server-frame 1 0 1 0 0; turn; "
         "server-frame 1 4 1 0 5; turn; say-headers 5 0; turn; answer 0 1; turn"),
        ("h2-upstream-reset", "kind", "reload 1; " + H2 + "say-headers 5 0; turn; reload 2; server-frame 1 5 0 4; turn"),
        ("h2-upstream-goaway", "kind", "reload 1; " + H1 + "ask-0; turn; server-frame 1 11 1 0; turn; reload 0; turn; server-close 1; turn"),
        ("h2-upstream-silent", "silent stingy", "reload 1; " + H1 + "ask-0; turn; reload 0; pass 4; turn"),
        ("wait", "kind", H1 + "ask-3; turn; reload 0; turn; pass 2; turn; answer 0 0; turn"),
        ("wait-moves", "kind", H2 + "say-headers 5 2; turn; reload 2; turn; pass 2; turn; answer 0 0; turn; pass 5"),
        ("body", "kind", H1 + "ask-4; turn; ask-5; turn; reload 1; ask-5; turn; ask-6; turn; answer 0 10; answer 0 11; turn; reload 2; "
         "answer 0 11; answer 0 12; turn"),
        ("body-h2", "kind", H2 + "say-headers 4 3; say-data 0 0 100; turn; reload 1; say-data 1 0 10; turn; answer 0 1; turn"),
        ("body-slow", "kind", H1 + "ask-15; turn; reload 1; pass 5; pass 5; turn"),
        ("tunnel", "kind", H1 + "ask-10; turn; answer 0 9; turn; reload 1; ask-11; turn; answer 0 11; turn; server-close 0; turn"),
        ("tunnel-h2", "kind", H2 + "say-headers 4 6; turn; answer 0 9; turn; reload 2; say-data 0 0 9; turn; pass 6; pass 6"),
        ("breaks-off", "kind", H1 + "ask-1; turn; reload 1; server-close 0; turn; " + H1 + "ask-0; turn; server-eof 1; turn"),
        ("breaks-within", "kind", H1 + "ask-0; turn; answer 0 5; turn; reload 0; server-still 0; server-close 0; turn"),
        ("silent", "kind", H1 + "ask-0; turn; reload 1; pass 4; pass 4; turn"),
        ("nonsense", "kind", H1 + "ask-0; turn; reload 0; server-frame 0 4 1 0 5; turn; " + H1 + "ask-0; turn; server-bytes 0 3 1 2 3; turn"),
        ("bad-framing", "kind", H1 + "ask-0; turn; answer 0 13; turn; " + H1 + "ask-14; turn; client 1; " + H1 + "ask-12; turn; pass 5"),
        ("half-head", "kind", H1 + "ask-0; turn; answer 0 4; turn; reload 2; pass 4; turn"),
        ("refused", "kind", H1 + "refuse 0; ask-0; turn; reload 0; ask-0; turn; refuse 0; ask-0; turn; answer 0 14; turn"),
        ("again", "kind", H1 + "ask-0; turn; answer 0 0; turn; ask-0; turn; reload 2; server-close 0; turn x2; answer 0 0; turn"),
        ("early", "kind", H1 + "ask-15; turn; answer 0 2; answer 0 3; answer 0 8; turn; reload 1; ask-5; turn; pass 5"),
        ("leaves", "kind", H1 + "ask-0; turn; reload 1; leave; turn; client 1; " + H2 + "say-headers 5 0; turn; reload 0; leave; turn"),
        ("still", "stingy", H1 + "still; ask-0; turn; answer 0 10; " + "answer 0 11; " * 9 + "turn; reload 1; pass 5; still; turn"),
        ("drain", "kind", H1 + "ask-0; turn; reload 2; drain; turn; answer 0 7; server-eof 0; turn; pass 5"),
        ("pipeline", "kind", H1 + "ask-9; ask-0; ask-13; turn; reload 1; answer 0 0; turn; pass 2; server-frame 1 0 1 0 0; turn"),
        ("grpc", "kind", "reload 1; " + H2 + "say-headers 4 7; say-data 1 0 5; turn; server-frame 1 0 4 5 0; reload 0; "
         "server-frame 1 3 0 0 1; turn"),
]:
    reload.seed(name, mode, script)
