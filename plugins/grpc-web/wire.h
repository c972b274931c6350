/*
 * The encoding of gRPC-Web ("PROTOCOL-WEB" of the gRPC project): base64 in pieces, and the frame
 * with the trailers at the end of a body. No I/O, no state. Any thread.
 */
#ifndef GRPC_WEB_WIRE_H
#define GRPC_WEB_WIRE_H

#include <sluice/plugin.h>

enum { WIRE_TRAILERS = 0x80, WIRE_FRAME_HEAD = 5 };

/*
 * Decode whole groups of four from the front of text, at most *n bytes of output. Any group may be
 * padded, since a body may consist of several padded segments; apart from that the text must be
 * canonical base64 (RFC 4648 4) without blanks. Returns the number of characters used, a multiple
 * of four, and sets *n to the bytes written; -1: not base64.
 */
ptrdiff_t wire_decode(sluice_str text, char *out, size_t *n);
/* Encode data, padded; out has room for wire_encoded(data.len). */
void wire_encode(sluice_str data, char *out);
static inline size_t wire_encoded(size_t n)
{
	return (n + 2) / 3 * 4;
}

/* One line of a trailer frame, "name: value\r\n" with the name in lower case; at has room for
 * wire_line_size(). */
static inline size_t wire_line_size(sluice_pair f)
{
	return f.name.len + f.value.len + 4;
}
char *wire_line(char *at, sluice_pair f);
/* The head of a trailer frame of n bytes, n at most UINT32_MAX. */
void wire_trailer_head(char out[WIRE_FRAME_HEAD], size_t n);

/* Whether a media type is of gRPC-Web or of gRPC. *text: its body is base64; *suffix: "+proto" and
 * the like, or empty. Parameters are ignored. */
bool wire_is_web(sluice_str type, bool *text, sluice_str *suffix);
bool wire_is_grpc(sluice_str type, sluice_str *suffix);

#endif
