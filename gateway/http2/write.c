/* See the header. Any thread. */
#include "http2/write.h"

size_t write_frame_size(const struct buf *out, size_t max)
{
	size_t n = 0;
	for (const struct block *b = out->first; b; b = b->next) {
		size_t have = b->end - b->off;
		if (n + have > max)
			return n > max / 2 ? n : max;
		n += have;
	}
	return n;
}
