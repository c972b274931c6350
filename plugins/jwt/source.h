/*
 * Where the keys come from: a URL, a URL found by OpenID Connect Discovery, or a file. Runs on the main thread: fetches, tries
 * again with growing pauses, and publishes what it finds; keys that were good stay in force while new ones cannot be had.
 * What workers may ask of it is marked.
 */
#ifndef JWT_SOURCE_H
#define JWT_SOURCE_H

#include "conf.h"
#include "keys.h"

struct source;

/* Check the options that concern it, and bring what keys can be had without the network: a file's, or those that an instance
 * of the same source already has (a reload must not make requests wait). Sets conf->source. 0, or -1 with errors reported. */
int source_check(sluice_instance *inst, struct jwt_conf *conf);
void source_start(struct source *s);
void source_stop(struct source *s); /* NULL is allowed */
/* on_refresh(): fetch now, if the last time is long enough ago; in any case publish, so that whoever waits goes on. */
void source_refresh(struct source *s);

/* Worker: the key set inside a published value; NULL while there is none. */
const struct keyset *source_keys(const void *published);
/* Worker: whether keys are on their way, or will be tried for within so many milliseconds: waiting makes sense. */
bool source_expects(const struct source *s, uint64_t within_ms);
/* Worker: whether keys newer than those it has seen (NULL: none) were published, and are on their way to it. */
bool source_is_ahead(const struct source *s, const struct keyset *seen);
/* Worker: whether keys are being fetched now; and whether sluice_refresh() may make them be. */
bool source_fetching(const struct source *s);
bool source_may_refresh(const struct source *s);

#endif
