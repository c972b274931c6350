/*
 * A configuration file as a tree of nodes with their places in the file. Built by config/yaml and
 * then immutable; a tree lives in one arena. Main thread.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "base/str.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	uint8_t kind; /* enum node_kind */
	bool quoted;  /* SCALAR: written in quotes or as a block of text */
	/* a mistake in it was reported: report no more for this node */
	bool broken;
	/* where the value begins, 1-based; columns count characters */
	uint32_t line, col;
	uint32_t key_line, key_col; /* where its key begins; 0 when it has none */
	uint32_t index;             /* place among its parent's members */
	uint32_t n;                 /* LIST, MAP: number of members */
	const char *file;           /* as the user named it */
	const struct node *parent;  /* NULL: the root */
	sluice_str key;             /* of a map's member, NUL-terminated; data NULL for others */
	/* SCALAR: as written, when a ${NAME} in it was replaced; else NULL */
	const char *raw;
	union {
		sluice_str text; /* SCALAR: NUL-terminated, no NUL within */
		struct {
			/* LIST, MAP: the members as in the file */
			const struct node *const *v;
			const struct node *const *sorted; /* MAP: the same by key */
		};
	};
};

/* A place in the file. line 0: the file as a whole. */
struct mark {
	const char *file;
	uint32_t line, col;
	const struct node *node; /* whose path to show; may be NULL */
};

/* The place of the value. node_key_mark(): of its key, or of the value when it has none; for
 * mistakes of a whole block. */
struct mark node_mark(const struct node *n);
struct mark node_key_mark(const struct node *n);
/* The member with that key, or NULL; NULL also when n is not a map. */
const struct node *node_find(const struct node *n, sluice_str key);
/* Whether there is no value: `key:`, `key: ~` or `key: null`, without quotes. */
bool node_is_null(const struct node *n);
/* "a list", "a block", "text", "nothing". */
const char *node_kind_text(const struct node *n);

enum { NODE_PATH = 256 };
/* The key path, e.g. routes[0].match.path, cut to fit; "" for the root. buf of NODE_PATH bytes is
 * NUL-terminated; returns buf. */
const char *node_path(const struct node *n, char *buf);

#endif
