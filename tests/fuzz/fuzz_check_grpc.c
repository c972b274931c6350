/* The response of a gRPC health check: any bytes are read within their bounds, and what is SERVING
 * is a frame of just that length. */
#include <stddef.h>
#include <stdlib.h>

#include "upstream/check_grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1), ask[GRPC_ASK_MAX];
	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size); /* a block of its own: a byte too far is seen */
	enum grpc_health h = check_grpc_read(str_n(copy, size));
	if (h != GRPC_CHECK_MALFORMED && (size < 5 || copy[0] != 0))
		abort();
	size_t len = size < GRPC_SERVICE_MAX ? size : GRPC_SERVICE_MAX;
	if (check_grpc_ask(str_n(copy, len), ask) < 5 + len)
		abort();
	free(copy);
	return 0;
}
