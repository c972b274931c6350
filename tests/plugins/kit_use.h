/* One use of a plugin in the kit: its configuration, and its place in a chain of one. */
#ifndef TESTS_PLUGINS_KIT_USE_H
#define TESTS_PLUGINS_KIT_USE_H

#include "config/bind.h"
#include "config/diag.h"
#include "policy/run.h"

struct kit_use {
	struct kit_use *next;
	sluice_instance *inst;
	struct arena arena;
	struct diag diag;
	struct config config;
	struct bind bind;
	struct instance_worker *slot; /* NULL: not started */
	struct chain_item item;
	/* of the exchanges that are made for it: its own, or the ones of kit_chain() */
	struct chain chain;
	struct instance_worker *const *slots;
	struct instance_keeper keeper;
	unsigned exchanges;
	bool checked;
};

struct kit_use *kit_use(const sluice_instance *inst);

#endif
