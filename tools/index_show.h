/*
 * index_show.h: what the index holds of one document or attachment.
 */

#ifndef TOOL_INDEX_SHOW_H
#define TOOL_INDEX_SHOW_H

#include "record.h"


/*
 * Prints it.  what is the id of a document, "DocumentReference/ID",
 * "Binary/ID" or "Bundle/ID"; returns an exit code after its complaints.
 */
int index_show(record_tool_t *tool, dmp_str_t host, const char *what,
    bool json);

#endif
