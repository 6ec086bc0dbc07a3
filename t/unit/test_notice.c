/*
 * test_notice.c: who is remembered under which name, and what the outbox calls
 * each notice.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_notice.h>


static unsigned char  key[DMP_KEY_LEN];


static void
hash_of(const dmp_subject_t *subject, char out[DMP_SEEN_LEN + 1])
{
    assert_int_equal(dmp_seen_hash(key, subject, out), DMP_OK);
    out[DMP_SEEN_LEN] = '\0';
}


/*
 * The known answer is that of
 *   printf 'dmp-seen\000899700218896' | openssl dgst -sha256 -mac HMAC
 *       -macopt hexkey:0000…1f -binary | head -c 16 | basenc --base64url
 */
static void
test_hash(void **state)
{
    char           seen[DMP_SEEN_LEN + 1], p[DMP_PSEUDONYM_LEN + 1];
    dmp_subject_t  subject;

    (void) state;
    memset(&subject, 0, sizeof(subject));
    subject.id = dmp_string("899700218896");
    hash_of(&subject, seen);
    assert_string_equal(seen, "tY3pRtBqf1DjOoQdTK9xlA");

    /* no pseudonym of a patient, whatever the identifier */
    assert_int_equal(dmp_pseudonym(key, subject.id, p), DMP_OK);
    p[DMP_PSEUDONYM_LEN] = '\0';
    assert_string_not_equal(seen, p);

    /* nor under another key */
    key[0] ^= 1;
    hash_of(&subject, p);
    key[0] ^= 1;
    assert_string_not_equal(seen, p);
}


/* Another card of the same person is no other person. */
static void
test_identifiers(void **state)
{
    char           by_rpps[DMP_SEEN_LEN + 1], by_adeli[DMP_SEEN_LEN + 1];
    char           alone[DMP_SEEN_LEN + 1], longer[DMP_SEEN_LEN + 1];
    dmp_subject_t  subject;

    (void) state;
    memset(&subject, 0, sizeof(subject));
    subject.id = dmp_string("899700218896");
    hash_of(&subject, alone);

    subject.other_ids[0] = dmp_string("3990712184/MOREL");
    subject.other_ids[1] = dmp_string("0751234567");
    subject.n_other_ids = 2;
    hash_of(&subject, by_rpps);
    assert_string_not_equal(by_rpps, alone);

    subject.id = dmp_string("0751234567");
    subject.other_ids[0] = dmp_string("899700218896");
    subject.other_ids[1] = dmp_string("3990712184/MOREL");
    hash_of(&subject, by_adeli);
    assert_string_equal(by_adeli, by_rpps);

    /* one that others begin with sorts before them */
    subject.id = dmp_string("07512345678");
    subject.other_ids[0] = dmp_string("0751234567");
    subject.n_other_ids = 1;
    hash_of(&subject, longer);
    assert_string_equal(longer, by_rpps);

    /* what is not counted is not looked at, nor what is empty */
    subject.n_other_ids = 0;
    hash_of(&subject, longer);
    assert_string_not_equal(longer, by_rpps);
    subject.id = dmp_null_string;
    subject.other_ids[0] = dmp_null_string;
    subject.other_ids[1] = dmp_string("0751234567");
    subject.n_other_ids = 2;
    hash_of(&subject, longer);
    assert_string_equal(longer, by_rpps);
}


static void
test_nobody(void **state)
{
    char           out[DMP_SEEN_LEN], zeros[DMP_SEEN_LEN], name[512];
    dmp_subject_t  subject;

    (void) state;
    memset(&subject, 0, sizeof(subject));
    memset(zeros, 0, sizeof(zeros));
    memset(out, 'x', sizeof(out));
    assert_int_equal(dmp_seen_hash(key, &subject, out), DMP_E_UNKNOWN);
    assert_memory_equal(out, zeros, sizeof(out));

    subject.other_ids[0] = dmp_null_string;
    subject.n_other_ids = 1;
    assert_int_equal(dmp_seen_hash(key, &subject, out), DMP_E_UNKNOWN);

    /* what is cut short would be somebody else */
    memset(name, '8', sizeof(name));
    subject.id = (dmp_str_t) { name, sizeof(name) };
    assert_int_equal(dmp_seen_hash(key, &subject, out), DMP_E_LIMIT);
    assert_memory_equal(out, zeros, sizeof(out));
}


static void
test_names(void **state)
{
    unsigned  i, n;

    (void) state;
    n = 0;

    for (i = 0; i < 32; i++) {
        n += (dmp_notice_name(UINT32_C(1) << i) != NULL);
    }

    assert_int_equal(n, 5);
    assert_string_equal(dmp_notice_name(DMP_OBLIGATION_NOTIFY_FIRST_ACCESS),
                        "first-access");
    assert_string_equal(dmp_notice_name(DMP_OBLIGATION_NOTIFY_EMERGENCY),
                        "emergency-access");
    assert_string_equal(dmp_notice_name(DMP_OBLIGATION_NOTIFY_DOCUMENT),
                        "document-added");
    assert_string_equal(dmp_notice_name(DMP_OBLIGATION_NOTIFY_RECORD_CREATED),
                        "record-created");
    assert_string_equal(dmp_notice_name(DMP_OBLIGATION_NOTIFY_RIGHTS_CHANGED),
                        "rights-changed");

    /* one at a time */
    assert_null(dmp_notice_name(0));
    assert_null(dmp_notice_name(DMP_OBLIGATION_NOTIFY_FIRST_ACCESS
                                | DMP_OBLIGATION_NOTIFY_EMERGENCY));
    assert_null(dmp_notice_name(DMP_OBLIGATION_ALL));
}


int
main(void)
{
    size_t                   i;
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_identifiers),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_names),
    };

    for (i = 0; i < sizeof(key); i++) {
        key[i] = (unsigned char) i;
    }

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
