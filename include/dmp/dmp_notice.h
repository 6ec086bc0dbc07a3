/*
 * dmp_notice.h: who is told what: the notices that a commit writes to the
 * outbox, and the names under which the store remembers what was told.
 */

#ifndef DMP_NOTICE_H
#define DMP_NOTICE_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_record.h>


#define DMP_SEEN_LEN  22                 /* base64url of 16 bytes */

/*
 * The field of "{dmp:NN}:seen:P" for who asks: base64url of the first 16 bytes
 * of HMAC-SHA256 (pseudonym key, "dmp-seen", 0, identifier).  Of a person's
 * identifiers the one that sorts first by its bytes, so that another card is
 * no other person.  DMP_E_UNKNOWN: nobody.
 */
dmp_rc_t dmp_seen_hash(const unsigned char key[DMP_KEY_LEN],
    const dmp_subject_t *subject, char out[DMP_SEEN_LEN]);

/*
 * What the outbox calls the notice of one DMP_OBLIGATION_NOTIFY_… bit:
 * "first-access", "emergency-access", "document-added", "record-created",
 * "rights-changed"; NULL for any other.
 */
const char *dmp_notice_name(uint32_t obligation);

#endif
