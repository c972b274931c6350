/* redis/url: whatever the configuration says; what is taken must show itself without its secrets
 * and parse again. */
#include <stdint.h>
#include <stdlib.h>

#include "redis/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct redis_url u, again;
	const char *error = NULL;
	char shown[REDIS_URL_TEXT];
	arena_init(&a, 0);
	if (redis_url_parse(&a, str_n((const char *)data, size), &u, &error) < 0) {
		check(error && *error, "a URL of %zu bytes was refused without a reason", size);
	} else {
		redis_url_text(&u, shown);
		check(redis_url_parse(&a, str_of(shown), &again, &error) == 0, "%s: %s", shown,
			error);
		check(again.password.len == 0 && again.user.len == 0, "%s: shows a login", shown);
		check(again.kind == u.kind && again.db == u.db && again.tls == u.tls &&
				again.n_hosts == u.n_hosts && str_eq(again.master, u.master),
			"%s: reads differently", shown);
		for (unsigned i = 0; i < u.n_hosts; i++)
			check(str_eq(again.hosts[i].name, u.hosts[i].name) &&
					again.hosts[i].port == u.hosts[i].port &&
					addr_eq(&again.hosts[i].addr, &u.hosts[i].addr),
				"%s: host %u reads differently", shown, i);
	}
	arena_fini(&a);
	arena_thread_fini();
	return 0;
}
