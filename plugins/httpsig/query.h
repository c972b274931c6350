/* Parameters of a query, as signatures see them (RFC 9421 2.2.8). Any thread. */
#ifndef HTTPSIG_QUERY_H
#define HTTPSIG_QUERY_H

#include "text.h"

/* Write the value of the one parameter of that name, which is escaped as the value is written: as
 * a form is (the URL standard, application/x-www-form-urlencoded), with %20 for a blank. False:
 * there is none, or there are several. */
bool query_put_param(struct text *t, sluice_str query, sluice_str name);

#endif
