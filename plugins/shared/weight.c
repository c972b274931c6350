/* See weight.h. */
#include "weight.h"

enum { DIGITS = 3 };

/* "0", "0.5", "1.000" */
static uint16_t weight_read(sluice_str s)
{
	if (s.len == 0 || s.len > 2 + DIGITS || (s.data[0] != '0' && s.data[0] != '1') ||
		(s.len > 1 && s.data[1] != '.'))
		return 0;
	unsigned n = s.data[0] == '1' ? WEIGHT_ONE : 0, place = WEIGHT_ONE / 10;
	for (size_t i = 2; i < s.len; i++, place /= 10) {
		if (!sluice_is_digit(s.data[i]))
			return 0;
		n += (unsigned)(s.data[i] - '0') * place;
	}
	return (uint16_t)(n <= WEIGHT_ONE ? n : 0);
}

uint16_t weight_of(sluice_str parameters)
{
	while (parameters.data) {
		sluice_str value = sluice_str_cut(&parameters, ';');
		sluice_str name = sluice_str_trim(sluice_str_cut(&value, '='));
		if (sluice_str_ieq(name, SLUICE_STR("q")))
			return weight_read(sluice_str_trim(value));
	}
	return WEIGHT_ONE;
}
