/*
 * How the plugins of a route judge a token: each that can be asked (policy/question.h), in the
 * order of the chain, with its steps. Main thread.
 */
#ifndef APP_TOKEN_JUDGE_H
#define APP_TOKEN_JUDGE_H

#include "app/token.h"
#include "base/arena.h"
#include "policy/question.h"

struct snapshot;

struct token_step {
	sluice_str rule, found, wanted;
	sluice_str code, detail; /* code.data NULL: it is passed */
	int status;
};

/* What one plugin says. */
struct token_opinion {
	sluice_instance *inst; /* borrowed: of the snapshot */
	/* of any-of: which group of its chain, and which of its branches; group -1: none */
	int group, branch;
	sluice_verdict verdict;   /* SLUICE_WAIT: not asked yet, or it does not know yet */
	struct token_step *steps; /* owned; the texts lie in the arena */
	size_t n_steps;
};

struct token_judgement {
	sluice_str route;
	struct token_opinion *v; /* owned */
	size_t n;
	struct arena arena; /* owned */
};

/* The plugins of the route of that name that can be asked; where it has none, those of the
 * listeners. False: there is no such route. token_judgement_fini() in both cases. */
must_use bool token_judgement_init(struct token_judgement *j, const struct snapshot *s,
	const char *route);
void token_judgement_fini(struct token_judgement *j);
/* Ask those that have not said yet. True: all have, as they must with q->last. Its tell and ctx are
 * not looked at. */
bool token_judgement_ask(struct token_judgement *j, const sluice_question *q);
/* What becomes of a request with the token, as far as these plugins decide. */
enum token_exit token_judgement_sum(const struct token_judgement *j);
/* The first step that the token fails; NULL: none. */
const struct token_step *token_opinion_fault(const struct token_opinion *o);

void token_judgement_print(const struct token_judgement *j);
void token_judgement_print_json(const struct token_judgement *j);

#endif
