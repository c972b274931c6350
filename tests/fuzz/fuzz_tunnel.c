/* The head of a proxy's answer to CONNECT: what it is does not depend on how much of it has come.
 */
#include <stdlib.h>

#include "net/tunnel_transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int status = 0, part = 0;
	char *copy = malloc(size + 1);
	memcpy(copy, data, size);
	int len = tunnel_answer_read(str_n(copy, size), &status);
	free(copy);
	if (len > 0 && ((size_t)len > size || status < 100 || status > 999))
		abort();
	/* a prefix is whole only where the answer is, and is no answer only if the whole is none */
	for (size_t n = 0; n < size && n < 400; n++) {
		int early = tunnel_answer_read(str_n((const char *)data, n), &part);
		if (early > 0 && (early != len || part != status))
			abort();
		if (early < 0 && len >= 0)
			abort();
	}
	return 0;
}
