/* Files beside the program. See beside.h. */
#include "app/beside.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool beside_program(char *path, const char *relative)
{
	ssize_t n = readlink("/proc/self/exe", path, BESIDE_PATH - 1);
	if (n <= 0 || n == BESIDE_PATH - 1)
		return false;
	path[n] = 0;
	char *slash = strrchr(path, '/');
	size_t at = slash ? (size_t)(slash - path) + 1 : 0;
	size_t room = BESIDE_PATH - at, len = strlen(relative);
	if (len >= room)
		return false;
	memcpy(path + at, relative, len + 1);
	return true;
}
