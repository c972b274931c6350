/* Challenges of WWW-Authenticate. See challenges.h. */
#include "http/challenges.h"

/* The word at the start of an element of the list: up to a blank. */
static sluice_str first_word(sluice_str element)
{
	size_t i = 0;
	while (i < element.len && element.data[i] != ' ' && element.data[i] != '\t')
		i++;
	return (sluice_str){ element.data, i };
}

/* Whether an element begins a challenge. A parameter has "=" behind its name, perhaps behind blanks
 * (RFC 9110 11.2); a scheme never has. */
static bool begins_challenge(sluice_str element)
{
	sluice_str word = first_word(element);
	sluice_str rest = { element.data + word.len, element.len - word.len };
	rest = str_trim(rest);
	return str_is_token(word) && (!rest.len || rest.data[0] != '=');
}

bool challenges_next(sluice_str *rest, struct challenge_text *out)
{
	sluice_str item, first;
	if (!str_list_next(rest, &first))
		return false;
	const char *end = first.data + first.len;
	for (sluice_str ahead = *rest; str_list_next(&ahead, &item) && !begins_challenge(item);) {
		end = item.data + item.len;
		*rest = ahead;
	}
	out->text = (sluice_str){ first.data, (size_t)(end - first.data) };
	out->scheme = begins_challenge(first) ? first_word(first) : (sluice_str){ first.data, 0 };
	return true;
}
