/*
 * An input that is read as a script: a target takes a byte where it has something to choose, and
 * bytes where somebody says something. Behind its end everything is 0, so every input is a script.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "base/str.h"

struct input {
	const uint8_t *at, *end;
};

static inline bool input_has_more(const struct input *in)
{
	return in->at < in->end;
}

static inline unsigned input_byte(struct input *in)
{
	return input_has_more(in) ? *in->at++ : 0;
}

/* One of n. */
static inline unsigned input_below(struct input *in, unsigned n)
{
	return input_byte(in) % n;
}

/* A length that is mostly short, and now and then longer than any block or window. */
static inline size_t input_size(struct input *in)
{
	unsigned b = input_byte(in);
	return b < 192 ? b : (size_t)(b - 191) * 4096;
}

/* A byte that tells the length, and so many bytes, or what there is. */
static inline sluice_str input_bytes(struct input *in)
{
	size_t n = input_byte(in), left = (size_t)(in->end - in->at);
	n = n < left ? n : left;
	sluice_str s = str_n((const char *)in->at, n);
	in->at += n;
	return s;
}

#endif
