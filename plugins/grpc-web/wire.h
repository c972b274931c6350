/*
 * gRPC-Web on the wire ("PROTOCOL-WEB" of the gRPC project): base64 that comes in pieces, and the
 * frame that carries trailers at the end of a body. No I/O, no state. Any thread.
 */
#ifndef GRPC_WEB_WIRE_H
#define GRPC_WEB_WIRE_H

#include <sluice/plugin.h>

enum { WIRE_TRAILERS = 0x80, WIRE_FRAME_HEAD = 5 };

/*
 * Decode whole groups of four from the front of text, at most *n bytes of output. Each group may be
 * padded, so that segments may follow one another; it is canonical base64 of RFC 4648 4 else,
 * without blanks. Returns how much of text was used, a multiple of four, with *n the bytes written;
 * -1 when what comes is no base64.
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

/* Whether a media type is that of gRPC-Web or of gRPC; *text: its body is base64; *suffix: what
 * follows, "+proto", or empty. Parameters are left out. */
bool wire_is_web(sluice_str type, bool *text, sluice_str *suffix);
bool wire_is_grpc(sluice_str type, sluice_str *suffix);

#endif
