/* Declaring a metric that needs no more than a name and a label. Main thread, in check(). */
#ifndef PLUGINS_SHARED_METRIC_H
#define PLUGINS_SHARED_METRIC_H

#include <sluice/plugin.h>

/* label: NULL for none. NULL: a mistake was reported. */
static inline const sluice_metric *metric_declare(sluice_instance *inst, sluice_metric_kind kind,
	const char *name, const char *help, const char *label)
{
	return sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = kind,
			.name = name,
			.help = help,
			.label = label });
}

#endif
