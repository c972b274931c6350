/* For unit tests that read replies of Redis: one reader, made and freed around all tests. */
#ifndef WITH_READER_H
#define WITH_READER_H

#include "unit.h"

#include "redis/resp.h"

static struct resp_reader reader;

static int reader_setup(void **state)
{
	(void)state;
	resp_init(&reader);
	return 0;
}

static int reader_teardown(void **state)
{
	(void)state;
	resp_fini(&reader);
	arena_thread_fini();
	buf_thread_fini();
	return 0;
}

#endif
