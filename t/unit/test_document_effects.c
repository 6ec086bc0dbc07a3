/*
 * test_document_effects.c: what a change of a document amounts to.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <dmp/dmp_document.h>


static dmp_document_t
plain_document(void)
{
    dmp_document_t  d;

    memset(&d, 0, sizeof(d));

    d.id = dmp_string("doc-1");
    d.master = dmp_string("urn:oid:1.2");
    d.types[0].system = dmp_string("http://loinc.org");
    d.types[0].code = dmp_string("11488-4");
    d.types[1].system = dmp_string("b");
    d.types[1].code = dmp_string("c");
    d.n_types = 2;
    d.ins[0] = dmp_string("123456789012345");
    d.n_ins = 1;
    d.authors[0] = dmp_string("899700218896");
    d.authors[1] = dmp_string("810101201234");
    d.n_authors = 2;
    d.structures[0] = dmp_string("1750712184");
    d.n_structures = 1;
    d.status = DMP_STATUS_CURRENT;
    d.dated = true;
    d.deposited = 20000;

    return d;
}


static unsigned
label_effects(unsigned before, unsigned after)
{
    dmp_document_t  a, b;

    a = plain_document();
    b = plain_document();
    a.labels = before;
    b.labels = after;

    return dmp_document_effects(&a, &b);
}


static void
no_change_has_none(void **state)
{
    dmp_document_t  a, b;

    (void) state;

    a = plain_document();
    b = plain_document();
    assert_int_equal(dmp_document_effects(&a, &b), 0);

    /* elsewhere in memory, and with other leftovers behind */

    memset(b.text, 'x', sizeof(b.text));
    b.text_len = 7;
    b.types[2].code = dmp_string("left over");
    b.authors[2] = dmp_string("left over");
    assert_int_equal(dmp_document_effects(&a, &b), 0);

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    assert_int_equal(dmp_document_effects(&a, &b), 0);
}


/* Every change of labels, by what each single one of them says. */
static void
labels(void **state)
{
    unsigned  before, after, was, is, want;

    (void) state;

    for (before = 0; before <= DMP_LABEL_ALL; before++) {
        for (after = 0; after <= DMP_LABEL_ALL; after++) {

            /* one not understood may be any */

            was = before >= DMP_LABEL_UNKNOWN ? 7 : before;
            is = after >= DMP_LABEL_UNKNOWN ? 7 : after;
            want = 0;

            if ((was & 1) != (is & 1)) {
                want |= is & 1 ? DMP_EFFECT_MASK : DMP_EFFECT_UNMASK;
            }

            if ((was & 2) != (is & 2)) {
                want |= is & 2 ? DMP_EFFECT_HIDE : DMP_EFFECT_SHOW;
            }

            if ((was & 4) != (is & 4)) {
                want |= is & 4 ? DMP_EFFECT_HIDE : DMP_EFFECT_SHOW;
            }

            assert_int_equal(label_effects(before, after), want);
        }
    }

    /* a few of them in words */

    assert_int_equal(label_effects(0, DMP_LABEL_MASKED), DMP_EFFECT_MASK);
    assert_int_equal(label_effects(DMP_LABEL_MASKED,
                                   DMP_LABEL_INVISIBLE_PATIENT),
                     DMP_EFFECT_UNMASK | DMP_EFFECT_HIDE);
    assert_int_equal(label_effects(DMP_LABEL_INVISIBLE_REPRESENTATIVES,
                                   DMP_LABEL_INVISIBLE_PATIENT),
                     DMP_EFFECT_HIDE | DMP_EFFECT_SHOW);
    assert_int_equal(label_effects(DMP_LABEL_UNKNOWN, 0),
                     DMP_EFFECT_UNMASK | DMP_EFFECT_SHOW);
    assert_int_equal(label_effects(DMP_LABEL_ALL, DMP_LABEL_MASKED),
                     DMP_EFFECT_SHOW);
}


static void
statuses(void **state)
{
    int             i, j;
    dmp_document_t  a, b;

    static const unsigned  want[DMP_STATUS_MAX][DMP_STATUS_MAX] = {
        [DMP_STATUS_UNKNOWN] = {
            0, DMP_EFFECT_OTHER, DMP_EFFECT_OTHER, DMP_EFFECT_DELETE
        },
        [DMP_STATUS_CURRENT] = {
            DMP_EFFECT_OTHER, 0, DMP_EFFECT_SUPERSEDE, DMP_EFFECT_DELETE
        },
        [DMP_STATUS_SUPERSEDED] = {
            DMP_EFFECT_OTHER, DMP_EFFECT_OTHER, 0, DMP_EFFECT_DELETE
        },
        [DMP_STATUS_DELETED] = {
            DMP_EFFECT_OTHER, DMP_EFFECT_OTHER, DMP_EFFECT_OTHER, 0
        }
    };

    (void) state;

    for (i = 0; i < DMP_STATUS_MAX; i++) {
        for (j = 0; j < DMP_STATUS_MAX; j++) {
            a = plain_document();
            b = plain_document();
            a.status = (dmp_status_t) i;
            b.status = (dmp_status_t) j;

            assert_int_equal(dmp_document_effects(&a, &b), want[i][j]);
        }
    }
}


static void
archive_mark(void **state)
{
    dmp_document_t  a, b;

    (void) state;

    a = plain_document();
    b = plain_document();
    b.archived = true;

    assert_int_equal(dmp_document_effects(&a, &b), DMP_EFFECT_ARCHIVE);
    assert_int_equal(dmp_document_effects(&b, &a), DMP_EFFECT_UNARCHIVE);

    a.archived = true;
    assert_int_equal(dmp_document_effects(&a, &b), 0);
}


static void
change_id(dmp_document_t *d)
{
    d->id = dmp_string("doc-2");
}


static void
change_master(dmp_document_t *d)
{
    d->master = dmp_null_string;
}


static void
change_type_code(dmp_document_t *d)
{
    d->types[1].code = dmp_string("d");
}


static void
change_type_system(dmp_document_t *d)
{
    d->types[0].system = dmp_string("http://loinc.or");
}


static void
change_types(dmp_document_t *d)
{
    d->n_types = 1;
}


static void
change_ins(dmp_document_t *d)
{
    d->ins[0] = dmp_string("280017505600103");
}


static void
change_patients(dmp_document_t *d)
{
    d->n_ins = 0;
}


static void
change_other_patient(dmp_document_t *d)
{
    d->other_patient = true;
}


static void
change_author(dmp_document_t *d)
{
    d->authors[1] = dmp_string("810101201235");
}


static void
change_authors(dmp_document_t *d)
{
    d->authors[2] = dmp_string("810101201235");
    d->n_authors = 3;
}


static void
change_structure(dmp_document_t *d)
{
    d->structures[0] = dmp_string("2264403106");
}


static void
change_structures(dmp_document_t *d)
{
    d->n_structures = 0;
}


static void
change_by_patient(dmp_document_t *d)
{
    d->by_patient = true;
}


static void
change_dated(dmp_document_t *d)
{
    d->dated = false;
}


static void
change_deposited(dmp_document_t *d)
{
    d->deposited++;
}


static void
change_outcome(dmp_document_t *d)
{
    d->outcome = true;
}


/* Each of them is seen, both ways, and beside what else changes. */
static void
all_else_is_other(void **state)
{
    size_t          i;
    dmp_document_t  a, b;

    static void (*const  changes[])(dmp_document_t *) = {
        change_id, change_master, change_type_code, change_type_system,
        change_types, change_ins, change_patients, change_other_patient,
        change_author, change_authors, change_structure, change_structures,
        change_by_patient, change_dated, change_deposited, change_outcome
    };

    (void) state;

    for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        a = plain_document();
        b = plain_document();
        changes[i](&b);

        if (dmp_document_effects(&a, &b) != DMP_EFFECT_OTHER
            || dmp_document_effects(&b, &a) != DMP_EFFECT_OTHER)
        {
            fail_msg("change %zu is not seen", i);
        }

        b.labels = DMP_LABEL_MASKED;
        b.archived = true;
        assert_int_equal(dmp_document_effects(&a, &b),
                         DMP_EFFECT_OTHER | DMP_EFFECT_MASK
                         | DMP_EFFECT_ARCHIVE);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(no_change_has_none),
        cmocka_unit_test(labels),
        cmocka_unit_test(statuses),
        cmocka_unit_test(archive_mark),
        cmocka_unit_test(all_else_is_other)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
