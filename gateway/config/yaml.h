/*
 * YAML to a tree. A configuration is plain data: one document of maps, lists and texts. Anchors,
 * aliases, merge keys, tags and further documents are refused with a sentence, as are duplicate
 * keys and bytes that are not UTF-8; size, depth and number of nodes are bounded. Values of the
 * environment replace ${NAME} in texts, after the structure is known. Main thread.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "config/env.h"

enum {
	YAML_SIZE_MAX = 16 << 20,
	YAML_DEPTH_MAX = 32,
	YAML_NODES_MAX = 1000000,
	YAML_KEY_MAX = 1024,
};

/* The root, a map when text is empty; NULL when the structure cannot be told, which is reported.
 * Other mistakes are reported too and leave a `broken` node, so that what surrounds them can still
 * be checked: ask the diag whether the file is good. name: the file, for messages; copied. text:
 * copied. The tree lives in the arena. */
const struct node *yaml_parse(struct arena *a, struct diag *d, const struct env *env,
	const char *name, sluice_str text);

#endif
