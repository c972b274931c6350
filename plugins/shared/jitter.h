/* Times that differ a little each time, so that gateways that were started together do not ask at
 * the same moment. Any thread. */
#ifndef PLUGINS_SHARED_JITTER_H
#define PLUGINS_SHARED_JITTER_H

#include <sluice/plugin.h>
#include <sys/random.h>

/* A random time between percent and 100 % of ms. */
static inline uint64_t jittered(uint64_t ms, unsigned percent)
{
	uint32_t r = 0;
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != (ssize_t)sizeof(r))
		r = (uint32_t)sluice_now_ns();
	uint64_t low = ms * percent / 100;
	return low + (ms - low) * (r >> 8) / (UINT32_MAX >> 8);
}

#endif
