/* Flows. See the header. */
#include "flow.h"

static void end(void *arg)
{
	struct flow *f = arg;
	token_answer_fini(&f->answer);
	json_decref(f->claims);
	f->claims = NULL;
	session_fini(&f->session);
}

struct flow *flow_of(sluice_exchange *x)
{
	struct flow *f = sluice_state(x, sizeof *f);
	if (f && !f->is_kept) {
		f->is_kept = true;
		sluice_cleanup(x, end, f);
	}
	return f;
}
