/*
 * dmpctl.h: what the command groups of dmpctl share: exit codes, options,
 * files.
 */

#ifndef DMPCTL_H
#define DMPCTL_H

#include <stdio.h>

#include <openssl/evp.h>

#include <dmp/dmp.h>
#include <dmp/dmp_record.h>


enum {
    TOOL_DONE = 0,
    TOOL_NO = 1,                         /* the answer is no */
    TOOL_USAGE = 2,
    TOOL_FAILED = 3                      /* could not be done */
};

#define TOOL_LIST_MAX  32

typedef struct {
    const char  *item[TOOL_LIST_MAX];
    size_t       n;
} tool_list_t;

typedef struct {
    const char   *name;                  /* "--json" */
    bool         *flag;                  /* exactly one of the three */
    const char  **text;
    tool_list_t  *list;                  /* may be given several times */
} tool_option_t;

/*
 * Reads options and words; the table ends with a NULL name.  A complaint has
 * been printed when it is false: answer TOOL_USAGE.
 */
bool tool_options(int argc, char **argv, const tool_option_t *options,
    tool_list_t *words);

/*
 * Somebody else's words on a terminal: what is not to be seen (control and
 * formatting characters, what is not UTF-8) stands as \xNN or \u{NNNN}.
 */
void tool_text(FILE *out, dmp_str_t text);

/* Who complains: "dmpctl", unless a program says otherwise. */
extern const char  *tool_program;

/* "dmpctl: …" on standard error by tool_text(), with a line feed. */
void tool_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* A whole file in memory, to be freed; complains and returns NULL. */
char *tool_read(const char *path, size_t max, size_t *len);

/* Keys; false after a complaint that names the file and the line. */
bool tool_keyring(const tool_list_t *paths, dmp_keyring_t *ring);
bool tool_key(const char *path, unsigned char key[DMP_KEY_LEN]);

/* An Ed25519 key in PEM, of the kind asked for; NULL after a complaint. */
EVP_PKEY *tool_private_key(const char *path);
EVP_PKEY *tool_public_key(const char *path);

int64_t tool_now_ms(void);               /* since 1970 */
int64_t tool_monotonic_ms(void);

/* Overwrites one line of a terminal, twice a second at most; else nothing. */
void tool_progress(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void tool_progress_end(void);

#define STORE_USAGE                                                          \
    "\nThe store:\n"                                                         \
    "  --redis unix:PATH|HOST:PORT  default 127.0.0.1:6379\n"                \
    "  --user NAME                  ACL user\n"                              \
    "  --password-file FILE         its first line is the password\n"        \
    "  --db N                       default 0\n"

/* The commands; each prints its own errors and returns an exit code. */
int dmpctl_init(int argc, char **argv);
int dmpctl_keygen(int argc, char **argv);
int dmpctl_record_import(int argc, char **argv);
int dmpctl_record_show(int argc, char **argv);
int dmpctl_record_change(const char *verb, int argc, char **argv);
int dmpctl_account(const char *verb, int argc, char **argv);
int dmpctl_directory_import(int argc, char **argv);
int dmpctl_directory_show(int argc, char **argv);
int dmpctl_index_build(int argc, char **argv);
int dmpctl_index_show(int argc, char **argv);
int dmpctl_audit_verify(int argc, char **argv);
int dmpctl_audit_tail(int argc, char **argv);
int dmpctl_audit_export(int argc, char **argv);
int dmpctl_audit_stats(int argc, char **argv);
int dmpctl_audit_case(int argc, char **argv);
int dmpctl_audit_recover(int argc, char **argv);
int dmpctl_outbox_status(int argc, char **argv);
int dmpctl_outbox_dead(int argc, char **argv);
int dmpctl_outbox_requeue(int argc, char **argv);
int dmpctl_outbox_drop(int argc, char **argv);

/* The help of those that say it in their own files. */
extern const char  dmpctl_help_init[];
extern const char  dmpctl_help_audit_verify[];
extern const char  dmpctl_help_audit_tail[];
extern const char  dmpctl_help_audit_export[];
extern const char  dmpctl_help_audit_stats[];
extern const char  dmpctl_help_audit_case[];
extern const char  dmpctl_help_audit_recover[];

int dmpctl_policy_check(int argc, char **argv);
int dmpctl_policy_test(int argc, char **argv);
int dmpctl_policy_explain(int argc, char **argv);

#endif
