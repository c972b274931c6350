/* Places of shared secrets. */
#include "secret_place.h"

#include <errno.h>
#include <stdlib.h>

#include "../shared/url.h"

enum { SECRET_TEXT_MAX = 64 * 1024, NAME_MAX_LEN = 255 };

static bool take_prefix(sluice_str *text, sluice_str prefix)
{
	if (!url_begins(*text, prefix))
		return false;
	*text = sluice_str_skip(*text, prefix.len);
	return true;
}

bool secret_place_read(sluice_str text, struct secret_place *out)
{
	struct secret_place place = { .form = SECRET_PLAIN };
	if (take_prefix(&text, SLUICE_STR("base64url:")))
		place.form = SECRET_BASE64URL;
	else if (take_prefix(&text, SLUICE_STR("jwks:")))
		place.form = SECRET_JWKS;
	place.is_variable = take_prefix(&text, SLUICE_STR("env:"));
	if (!place.is_variable && !take_prefix(&text, SLUICE_STR("file:")))
		return false;
	place.name = text;
	*out = place;
	return true;
}

int secret_place_text(sluice_instance *inst, const struct secret_place *place, sluice_str *out)
{
	char name[NAME_MAX_LEN + 1];
	if (!place->is_variable)
		return sluice_read_file(inst, place->name, SECRET_TEXT_MAX, out);
	if (place->name.len > NAME_MAX_LEN)
		return -ENOENT;
	*sluice_str_put(name, place->name) = '\0';
	const char *value = getenv(name);
	if (!value)
		return -ENOENT;
	*out = sluice_str_of(value);
	return 0;
}
