/*
 * dmp_notice.c: the names of notices, and the keyed hashes under which the
 * store remembers who has read a record.
 */

#include <dmp/dmp_notice.h>


#define NOTICE_TEXT_MAX  256             /* of what is hashed */


/* By their bytes; of two that begin alike the shorter one. */
static bool
notice_before(dmp_str_t a, dmp_str_t b)
{
    int     order;
    size_t  n;

    n = (a.len < b.len) ? a.len : b.len;
    order = (n != 0) ? memcmp(a.data, b.data, n) : 0;

    return order < 0 || (order == 0 && a.len < b.len);
}


/* The first of a person's identifiers; empty for nobody. */
static dmp_str_t
notice_who(const dmp_subject_t *subject)
{
    unsigned   i;
    dmp_str_t  who;

    who = subject->id;

    for (i = 0; i < subject->n_other_ids && i < DMP_SUBJECT_IDS; i++) {
        if (subject->other_ids[i].len != 0
            && (who.len == 0 || notice_before(subject->other_ids[i], who)))
        {
            who = subject->other_ids[i];
        }
    }

    return who;
}


dmp_rc_t
dmp_seen_hash(const unsigned char key[DMP_KEY_LEN],
    const dmp_subject_t *subject, char out[DMP_SEEN_LEN])
{
    char       text[NOTICE_TEXT_MAX];
    dmp_buf_t  b;
    dmp_str_t  who;

    memset(out, 0, DMP_SEEN_LEN);
    who = notice_who(subject);

    if (who.len == 0) {
        return DMP_E_UNKNOWN;
    }

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_add(&b, "dmp-seen", sizeof("dmp-seen"));
    dmp_buf_str(&b, who);

    if (b.full) {
        return DMP_E_LIMIT;
    }

    /* the same function of another text: no INS holds a NUL */

    return dmp_pseudonym(key, (dmp_str_t) { b.data, b.len }, out);
}


const char *
dmp_notice_name(uint32_t obligation)
{
    switch (obligation) {

    case DMP_OBLIGATION_NOTIFY_FIRST_ACCESS:
        return "first-access";

    case DMP_OBLIGATION_NOTIFY_EMERGENCY:
        return "emergency-access";

    case DMP_OBLIGATION_NOTIFY_DOCUMENT:
        return "document-added";

    case DMP_OBLIGATION_NOTIFY_RECORD_CREATED:
        return "record-created";

    case DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED:
        return "rights-changed";

    default:
        return NULL;
    }
}
