/* Codes of refusals and notes: see codes.h. */
#include "codes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Written under the lock; an entry is complete before n_codes counts it, so that it is read without
 * one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *codes[CODES_MAX];
static atomic_size_t n_codes;

static bool is_code(sluice_str code)
{
	for (size_t i = 0; i < code.len; i++) {
		char c = code.data[i];
		if (!(c >= 'a' && c <= 'z') && !sluice_is_digit(c) && c != '-')
			return false;
	}
	return code.len > 0 && code.len <= CODE_MAX;
}

static const char *find(sluice_str code, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (sluice_str_is(code, codes[i]))
			return codes[i];
	}
	return NULL;
}

static const char *add(sluice_str code, size_t n)
{
	char *copy = n < CODES_MAX ? malloc(code.len + 1) : NULL;
	if (!copy)
		return NULL;
	*sluice_str_put(copy, code) = '\0';
	codes[n] = copy;
	atomic_store_explicit(&n_codes, n + 1, memory_order_release);
	return copy;
}

const char *code_keep(sluice_str code)
{
	size_t known = atomic_load_explicit(&n_codes, memory_order_acquire);
	if (!is_code(code))
		return NULL;
	const char *kept = find(code, 0, known);
	if (kept)
		return kept;
	pthread_mutex_lock(&lock);
	size_t n = atomic_load_explicit(&n_codes, memory_order_relaxed);
	kept = find(code, known, n);
	if (!kept)
		kept = add(code, n);
	pthread_mutex_unlock(&lock);
	return kept;
}
