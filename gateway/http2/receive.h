/* The library's callbacks for what a client sends. */
#ifndef HTTP2_RECEIVE_H
#define HTTP2_RECEIVE_H

#include <nghttp2/nghttp2.h>

void receive_callbacks(nghttp2_session_callbacks *to);

#endif
