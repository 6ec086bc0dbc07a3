/*
 * dmp_introduce.c: adds to who asks what the directory says of them.  It
 * never replaces what a credential says, never reads another's entry, and
 * makes nobody a regulator but by a registered centre.
 */

#include <dmp/dmp_directory.h>

#include "dmp_rules_int.h"


static const dmp_code_t  dmp_no_code = { { NULL, 0 }, { NULL, 0 } };


static bool
dmp_code_eq(dmp_code_t a, dmp_code_t b)
{
    return dmp_str_eq(a.code, b.code) && dmp_str_eq(a.system, b.system);
}


static bool
dmp_entry_names(const dmp_directory_t *entry, dmp_str_t id)
{
    unsigned  i;

    for (i = 0; i < entry->n_ids && i < DMP_DIRECTORY_IDS; i++) {
        if (id.len != 0 && dmp_str_eq(entry->ids[i], id)) {
            return true;
        }
    }

    return false;
}


dmp_str_t
dmp_directory_id(const dmp_subject_t *subject)
{
    switch (subject->actor) {

    case DMP_ACTOR_PROFESSIONAL:
        return subject->id;

    case DMP_ACTOR_STAFF:
    case DMP_ACTOR_STRUCTURE:
    case DMP_ACTOR_FEEDER:
        return dmp_structure_of(subject);

    default:
        return dmp_null_string;
    }
}


/* The entry is of whom it was asked for, and a person is no structure. */
static bool
dmp_entry_fits(const dmp_subject_t *subject, const dmp_directory_t *entry)
{
    dmp_directory_kind_t  kind;

    kind = (subject->actor == DMP_ACTOR_PROFESSIONAL)
           ? DMP_DIRECTORY_PERSON : DMP_DIRECTORY_STRUCTURE;

    return entry->kind == kind
           && dmp_entry_names(entry, dmp_directory_id(subject));
}


/*
 * What else they are called.  A structure's identifiers are not those of who
 * works for it.  False: there is no room, and a block by the name left out
 * would not hold.
 */
static bool
dmp_add_ids(dmp_subject_t *subject, const dmp_directory_t *entry)
{
    unsigned   i;
    dmp_str_t  id;

    if (subject->actor == DMP_ACTOR_STAFF
        || !dmp_entry_names(entry, subject->id))
    {
        return true;
    }

    for (i = 0; i < entry->n_ids && i < DMP_DIRECTORY_IDS; i++) {
        id = entry->ids[i];

        if (id.len == 0 || dmp_is_self(subject, id)) {
            continue;
        }

        if (subject->n_other_ids >= DMP_SUBJECT_IDS) {
            return false;
        }

        subject->other_ids[subject->n_other_ids++] = id;
    }

    return true;
}


/* The one profession of the entry; none if it has several. */
static dmp_code_t
dmp_one_profession(const dmp_directory_t *entry)
{
    size_t      i;
    dmp_code_t  one;

    one = dmp_no_code;

    for (i = 0; i < entry->n_situations; i++) {

        if (entry->professions[i].code.len == 0) {
            continue;
        }

        if (one.code.len != 0 && !dmp_code_eq(one, entry->professions[i])) {
            return dmp_no_code;
        }

        one = entry->professions[i];
    }

    return one;
}


/* The situations of that profession, which follow each other. */
static bool
dmp_add_group(dmp_subject_t *subject, const dmp_directory_t *entry,
    dmp_code_t profession)
{
    size_t  i, n;

    for (i = 0; i < entry->n_situations; i++) {
        if (dmp_code_eq(entry->professions[i], profession)) {
            break;
        }
    }

    for (n = i; n < entry->n_situations; n++) {
        if (!dmp_code_eq(entry->professions[n], profession)) {
            break;
        }
    }

    if (n == i) {
        return false;
    }

    subject->situations = &entry->situations[i];
    subject->n_situations = n - i;

    return true;
}


static void
dmp_add_situations(dmp_subject_t *subject, const dmp_directory_t *entry)
{
    if (subject->n_situations != 0 || entry->n_situations == 0) {
        return;
    }

    if (subject->role.code.len == 0) {
        subject->situations = entry->situations;
        subject->n_situations = entry->n_situations;
        return;
    }

    /* else none: situations of another profession are not theirs here */
    if (!dmp_add_group(subject, entry, subject->role)) {
        (void) dmp_add_group(subject, entry, dmp_no_code);
    }
}


bool
dmp_introduce(dmp_subject_t *subject, const dmp_directory_t *entry)
{
    dmp_subject_t  s;

    if (entry == NULL) {
        subject->regulator = DMP_REGULATOR_NO;
        return true;
    }

    s = *subject;

    if (!dmp_entry_fits(&s, entry) || !dmp_add_ids(&s, entry)) {
        return false;
    }

    if (s.actor == DMP_ACTOR_PROFESSIONAL) {

        if (s.role.code.len == 0 && !s.role_settled) {
            s.role = dmp_one_profession(entry);
        }

        s.regulator = (entry->n_centres != 0) ? DMP_REGULATOR_UNKNOWN
                                              : DMP_REGULATOR_NO;

    } else {
        s.regulator = (s.actor == DMP_ACTOR_STRUCTURE && entry->centre_15)
                      ? DMP_REGULATOR_YES : DMP_REGULATOR_NO;
    }

    dmp_add_situations(&s, entry);

    *subject = s;
    return true;
}


void
dmp_introduce_centre(dmp_subject_t *subject, dmp_str_t id,
    const dmp_directory_t *centre)
{
    /* a structure is a centre by its own entry, and nobody else regulates */
    if (subject->actor == DMP_ACTOR_PROFESSIONAL
        && centre != NULL && centre->kind == DMP_DIRECTORY_STRUCTURE
        && centre->centre_15 && dmp_entry_names(centre, id))
    {
        subject->regulator = DMP_REGULATOR_YES;

    } else if (subject->regulator != DMP_REGULATOR_YES) {
        subject->regulator = DMP_REGULATOR_NO;
    }
}
