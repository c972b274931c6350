/*
 * Parses YAML to a tree. A configuration is plain data: one document of maps, lists and texts.
 * Anchors, aliases, merge keys, tags and further documents are reported as mistakes, as are
 * duplicate keys and bytes that are not UTF-8. Size, depth and number of nodes are bounded. ${NAME}
 * in texts is replaced after the structure is known. Main thread.
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

/* The root, an empty map when text is empty. NULL after a syntax error, which is reported. Other
 * mistakes are reported and leave a `broken` node, so that the rest can still be checked: the diag
 * says whether the file has errors. name: the file, for messages; copied. text: copied. The tree
 * lives in the arena. */
const struct node *yaml_parse(struct arena *a, struct diag *d, const struct env *env,
	const char *name, sluice_str text);

#endif
