/*
 * dmp_api_history_int.h: reading the query of a history.
 */

#ifndef DMP_API_HISTORY_INT_H
#define DMP_API_HISTORY_INT_H

#include <dmp/dmp_request.h>


/*
 * The query of a history into out->history; no data: there was none.  NULL, or
 * why it is refused.  Each parameter may be given once, and none has an escape:
 * all of them are made of digits and hyphens.
 */
const char *dmp_api_history(dmp_str_t query, dmp_request_t *out);

#endif
