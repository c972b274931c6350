/* Lists of networks in options. See the header. */
#include "network_list.h"

#include <stdio.h>

enum { OPTION_BYTES = 320 };

int network_list_check(sluice_instance *inst, const char *option, const sluice_strs *texts,
	struct network_list *out)
{
	struct networks list = { 0 };
	char why[NETWORK_WHY], member[OPTION_BYTES];
	int rc = 0;
	for (size_t i = 0; i < texts->n; i++) {
		if (networks_add(&list, texts->v[i], false, why))
			continue;
		(void)snprintf(member, sizeof(member), "%s[%zu]", option, i);
		sluice_conf_error(inst, member, "\"%.*s\" %s", (int)texts->v[i].len,
			texts->v[i].data, why);
		sluice_conf_hint(inst, "192.0.2.7, 10.0.0.0/8, 2001:db8::/32");
		rc = -1;
	}
	struct network *v = sluice_conf_alloc(inst, list.n * sizeof(*v) + 1);
	for (size_t i = 0; i < list.n; i++)
		v[i] = list.v[i];
	*out = (struct network_list){ v, list.n };
	networks_fini(&list);
	return rc;
}

bool network_list_has(const struct network_list *l, sluice_str address)
{
	uint8_t family = FAMILY_UNIX;
	ip number = 0;
	bool is = l->n &&
		(address_read(address, &family, &number) || sluice_str_is(address, "unix"));
	for (size_t i = 0; is && i < l->n; i++) {
		const struct network *n = &l->v[i];
		unsigned behind = (unsigned)(n->family - n->prefix);
		if (n->family == family &&
			(n->prefix == 0 || number >> behind == n->first >> behind))
			return true;
	}
	return false;
}
