"""Frames of HTTP/2 (RFC 9113) byte by byte: for clients that keep to no rule, or must be cheap."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
PRIORITY_UPDATE = 16
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def block(method="GET", path="/"):
    """A header block: indexed fields of the static table, and literals that are not indexed (RFC 7541)."""
    return {"GET": b"\x82", "POST": b"\x83"}[method] + b"\x86\x04" + bytes([len(path)]) + path.encode() + b"\x01\x01h"


def frames(data):
    """(kind, flags, stream, payload) of each whole frame."""
    at = 0
    while at + 9 <= len(data):
        n = int.from_bytes(data[at:at + 3], "big")
        if at + 9 + n > len(data):
            break
        yield data[at + 3], data[at + 4], int.from_bytes(data[at + 5:at + 9], "big"), data[at + 9:at + 9 + n]
        at += 9 + n


def goaway(data):
    """The code of the last GOAWAY, or None."""
    codes = [int.from_bytes(payload[4:8], "big") for kind, _, _, payload in frames(data) if kind == GOAWAY]
    return codes[-1] if codes else None
