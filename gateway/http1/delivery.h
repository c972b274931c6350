/* Whether the exchange takes what a codec of HTTP/1.1 has decoded of a body. */
#ifndef HTTP1_DELIVERY_H
#define HTTP1_DELIVERY_H

enum delivery {
	DELIVERY_HELD,  /* nothing is handed over, and nothing more is read */
	DELIVERY_AGAIN, /* bytes that were not taken are handed over again first */
	DELIVERY_ON,    /* each part is handed over as it comes */
};

#endif
