/* Memory for secrets. See secret.h. */
#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>

void *secret_alloc(size_t size)
{
	void *p = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* the memory is usable although an old kernel may not know these */
	(void)madvise(p, size ? size : 1, MADV_DONTDUMP);
	(void)madvise(p, size ? size : 1, MADV_DONTFORK);
	return p;
}

void secret_free(void *p, size_t size)
{
	if (!p)
		return;
	explicit_bzero(p, size);
	(void)munmap(p, size ? size : 1);
}
