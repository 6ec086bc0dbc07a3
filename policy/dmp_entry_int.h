/*
 * dmp_entry_int.h: between dmp_writer*.c, which chains, dmp_entry.c, which
 * writes the bytes, and dmp_entry_read*.c, which reads them.
 */

#ifndef DMP_ENTRY_INT_H
#define DMP_ENTRY_INT_H

#include <dmp/dmp_entry.h>
#include <dmp/dmp_trace.h>


/* What every entry begins with. */
typedef struct {
    dmp_kind_t            kind;
    dmp_str_t             writer;
    uint64_t              epoch;
    uint64_t              seq;
    const unsigned char  *prev;          /* DMP_HASH_LEN */
    unsigned              bucket;
    int64_t               time_ms;
    uint64_t              ack_seq;
    const unsigned char  *ack;           /* DMP_ACK_LEN of it are written */
} dmp_entry_head_t;

/* How the name of a writer ends: after its node, "/" and 16 hex digits. */
#define WRITER_RANDOM_LEN  16

bool dmp_entry_is_writer(dmp_str_t name);

/* What a node's name is made of: nothing that needs an escape anywhere. */
static inline bool
dmp_entry_in_node(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* Opens the object; dmp_entry_end() closes it. */
void dmp_entry_begin(dmp_buf_t *b, const dmp_entry_head_t *head);
void dmp_entry_end(dmp_buf_t *b);

/* new_version is written only when it is not zero. */
void dmp_entry_access(dmp_buf_t *b, const dmp_access_t *access,
    uint64_t new_version);

void dmp_entry_outcomes(dmp_buf_t *b, const dmp_outcome_t *outcomes, size_t n,
    const char (*abandoned)[DMP_UUID_LEN], size_t n_abandoned);

void dmp_entry_admin(dmp_buf_t *b, const dmp_admin_t *admin);

void dmp_entry_certificate(dmp_buf_t *b, const unsigned char *public_key,
    int64_t opened_ms, int64_t expires_ms, const unsigned char *signature,
    uint64_t heartbeat);

/* Whose epoch is ended, by which heads. */
void dmp_entry_of(dmp_buf_t *b, const dmp_other_t *other);
const char *dmp_heads_name(dmp_heads_t source);

/* Between the two, one call per head; the first takes first = true. */
void dmp_entry_list(dmp_buf_t *b, const char *name);
void dmp_entry_carried(dmp_buf_t *b, bool first, const dmp_chain_head_t *head);
void dmp_entry_head(dmp_buf_t *b, bool first, const dmp_signed_head_t *head);
void dmp_entry_list_end(dmp_buf_t *b);

/* How the signature stands at the end of a body, before its last brace. */
#define ENTRY_SIGNATURE_LEN  (sizeof(",\"signature\":\"") - 1 + 86 + 1)

void dmp_entry_signature(dmp_buf_t *b, const unsigned char *signature);

#endif
