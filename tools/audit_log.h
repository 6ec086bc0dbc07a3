/*
 * audit_log.h: receipts in lines of a record host's access log, whatever form
 * these have.
 */

#ifndef TOOL_AUDIT_LOG_H
#define TOOL_AUDIT_LOG_H

#include <dmp/dmp_verify.h>


#define AUDIT_LOG_LINE_MAX  (64 * 1024)

/*
 * The next receipt of a line, as gateways write them: "UUID node/16 hex digits
 * bucket epoch seq", with one space between; *pos starts at 0.  False: there
 * is no other.  Strings point into the line.
 */
bool audit_log_receipt(dmp_str_t line, size_t *pos, dmp_receipt_t *receipt);

#endif
