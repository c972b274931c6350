/* Tokens that are read here and by libjwt: see tests/plugins/jose/second.h for the input. What is
 * accepted here and refused there is a fault. */
#include <stdio.h>
#include <stdlib.h>

#include "second.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct second_result r = second_try(data, size);
	if (r.differs) {
		fprintf(stderr, "libjwt refuses %s\n", r.token);
		abort();
	}
	return 0;
}
