/* A file with servers, of any bytes: what is taken obeys its bounds and stands in order, and a
 * refusal is explained. */
#include <stdint.h>

#include "reach.h"
#include "upstream/servers_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d;
	struct upstream_address a;
	diag_init(&d);
	struct server_set *s = servers_file_parse("f", str_n((const char *)data, size), &d);
	check((s == NULL) == (d.n_errors > 0), "%s with %u mistakes", s ? "taken" : "refused",
		d.n_errors);
	for (size_t i = 0; s && i < s->n; i++) {
		const struct upstream_server *v = &s->v[i];
		check(upstream_address_parse(v->address, &a), "an address that is none");
		check(v->weight <= 100, "weight %llu", (unsigned long long)v->weight);
		check(i == 0 || server_order(v[-1].address, v->address) < 0, "out of order");
		REACH_IF(a.host.len, "a name");
		REACH_IF(v->weight > 1, "a weight");
	}
	REACH_IF(s && s->n == 0, "an empty list");
	REACH_IF(!s, "a mistake");
	server_set_unref(&s);
	diag_fini(&d);
	arena_thread_fini();
	return 0;
}
