/* Challenges. See the header. */
#include "challenge.h"

#include <sluice/str.h>

sluice_str challenge_make(sluice_instance *inst, sluice_str scheme, sluice_str realm,
	sluice_str more)
{
	static const char word[] = " realm=\"";
	if (!realm.len)
		realm = sluice_instance_name(inst);
	char *text = sluice_conf_alloc(inst,
		     scheme.len + sizeof(word) + 2 * realm.len + 1 + more.len),
	     *at = sluice_str_put(sluice_str_put(text, scheme), sluice_str_of(word));
	for (size_t i = 0; i < realm.len; i++) {
		char c = realm.data[i];
		if (c < 0x20 || c > 0x7e) {
			sluice_conf_error(inst, "realm",
				"may have printable ASCII characters only");
			return SLUICE_STR_NONE;
		}
		if (c == '"' || c == '\\')
			*at++ = '\\';
		*at++ = c;
	}
	*at++ = '"';
	at = sluice_str_put(at, more);
	return sluice_str_n(text, (size_t)(at - text));
}
