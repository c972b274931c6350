/*
 * The heads of answers that Sluice makes itself: problem documents (RFC 9457) or errors of gRPC,
 * what a plugin answers, and a route's `respond`. The body is put into x->answer_body, and takes
 * the place of what was there. NULL: the exchange's memory is spent.
 */
#ifndef PROXY_RESPOND_H
#define PROXY_RESPOND_H

struct exchange;
struct response_head;

/* err becomes the exchange's reason. */
struct response_head *respond_error(struct exchange *x, int err);
/* What is in px.answer. A body that the plugin writes is then that of px.producer. */
struct response_head *respond_plugin(struct exchange *x);
struct response_head *respond_builtin(struct exchange *x);
/* 204 with what is in x->allow. */
struct response_head *respond_options(struct exchange *x);

#endif
