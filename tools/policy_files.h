/*
 * policy_files.h: the policy from a folder, for the commands that need one.
 */

#ifndef TOOL_POLICY_FILES_H
#define TOOL_POLICY_FILES_H

#include <dmp/dmp_policy.h>


/*
 * Loads the policy whose first file is at path; the files that it names are
 * in the same folder.  To be freed with dmp_policy_free().  error->file is a
 * name in that folder.
 */
bool tool_policy_load(const char *path, dmp_policy_t **out,
    dmp_error_t *error);

/* The same, and complains: "dmpctl: FILE:LINE: TEXT". */
bool tool_policy(const char *path, dmp_policy_t **out);

#endif
