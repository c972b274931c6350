/* The deny list of an instance: its options, and what it means for a token. */
#ifndef JWT_DENY_LIST_H
#define JWT_DENY_LIST_H

#include "conf.h"

extern const sluice_option deny_list_options[];

/* In check(), before issuers_check(), which publishes. 0, or -1 with errors reported. */
int deny_list_check(sluice_instance *inst, struct jwt_conf *conf);
void deny_list_start(struct jwt_conf *conf);
void deny_list_stop(struct jwt_conf *conf); /* also when the check failed */

/* Any thread: REASON_NONE, or why a token with these ids is refused. */
enum reason deny_list_judge(const struct jwt_conf *conf, const struct deny_view *v,
	const struct deny_ids *ids);

#endif
