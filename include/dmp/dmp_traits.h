/*
 * dmp_traits.h: finding a record by the traits of its patient ("find", TD0.5):
 * the keyed hashes under which the store's "dmp:traits:H" name it.
 *
 * They are hints, like those of dmp_index.h: which records have the traits is
 * decided by rule G4, on each record.
 */

#ifndef DMP_TRAITS_H
#define DMP_TRAITS_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_record.h>


#define DMP_TRAITS_HASH_LEN  22          /* base64url of 16 bytes */
#define DMP_TRAITS_KEY_MAX   64          /* of "dmp:traits:H" */
#define DMP_TRAITS_MAX       128         /* hashes of one record */
#define DMP_FIND_MAX         5           /* matches of one "find" */

/*
 * base64url of the first 16 bytes of HMAC-SHA256 (pseudonym key, "dmp-traits",
 * 0, folded family name, 0, folded given name, 0, birth date).  DMP_E_SYNTAX:
 * a name that has no letter, or no such date.
 */
dmp_rc_t dmp_traits_hash(const unsigned char key[DMP_KEY_LEN],
    const dmp_traits_t *traits, char out[DMP_TRAITS_HASH_LEN]);

/*
 * The hashes of all the traits that rule G4 lets find this record: each family
 * name with each of the given names, and those that follow each other.  Each
 * once; n is how many, 0 for a record that lacks a trait.
 *
 * Of two family names and more than ten given names, or one and more than
 * fifteen, that would be more than DMP_TRAITS_MAX: then each given name alone
 * and all together come first, and of those that follow each other as many of
 * the short runs as there is room for.  By the others the record is not found.
 */
dmp_rc_t dmp_traits_of_record(const unsigned char key[DMP_KEY_LEN],
    const dmp_record_t *record, char out[DMP_TRAITS_MAX][DMP_TRAITS_HASH_LEN],
    size_t *n);

/* "dmp:traits:H"; returns its length, out is not terminated. */
size_t dmp_traits_key(const char hash[DMP_TRAITS_HASH_LEN],
    char out[DMP_TRAITS_KEY_MAX]);

#endif
