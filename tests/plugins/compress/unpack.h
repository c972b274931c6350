/* What a client makes of compressed bytes, by the decoders of the libraries; and texts to compress.
 */
#ifndef TESTS_PLUGINS_COMPRESS_UNPACK_H
#define TESTS_PLUGINS_COMPRESS_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

/* The text that n bytes of that coding stand for so far, NUL-terminated, of at most room bytes; to
 * be freed. *is_whole: they are the whole of it, and nothing stands behind. Bytes that are no such
 * coding fail the test. */
char *unpack(const char *coding, const char *bytes, size_t n, size_t room, bool *is_whole);

/* n bytes of a text like JSON, NUL-terminated, always the same; to be freed. */
char *text_of(size_t n);

#endif
