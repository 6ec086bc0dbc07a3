/*
 * fuzz_directory.c: any bytes as an entry of the directory: no crash, and who
 * is introduced with what is accepted stays who they are: an entry adds what
 * it says, to whom it names, and makes no regulator but of a centre 15.
 */

#include <stdlib.h>

#include <dmp/dmp_directory.h>


#define check(what)                                                          \
                                                                             \
    do {                                                                     \
        if (!(what)) {                                                       \
            abort();                                                         \
        }                                                                    \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned  seen;


/* Every byte is there to be read, which the address sanitizer watches. */
static void
touch(dmp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        check(s.data[i] > 0x20 && s.data[i] < 0x7f);
        seen += (unsigned char) s.data[i];
    }
}


static bool
code_eq(dmp_code_t a, dmp_code_t b)
{
    return dmp_str_eq(a.system, b.system) && dmp_str_eq(a.code, b.code);
}


static void
check_code(dmp_code_t code)
{
    check((code.system.len == 0) == (code.code.len == 0));
    check(code.system.len <= 64 && code.code.len <= 64);
    touch(code.system);
    touch(code.code);
}


/* Professions follow each other: one that was left does not come again. */
static void
check_groups(const dmp_directory_t *e)
{
    size_t  i, j;

    for (i = 1; i < e->n_situations; i++) {

        if (code_eq(e->professions[i], e->professions[i - 1])) {
            continue;
        }

        for (j = 0; j < i; j++) {
            check(!code_eq(e->professions[i], e->professions[j]));
        }
    }
}


static void
check_situations(const dmp_directory_t *e)
{
    size_t  i;

    check(e->n_situations <= DMP_DIRECTORY_PRACTICES);

    for (i = 0; i < e->n_situations; i++) {
        check_code(e->professions[i]);
        check_code(e->situations[i].sector);
        check_code(e->situations[i].activity);
        check_code(e->situations[i].specialty);
        touch(e->situations[i].structure);

        if (e->kind == DMP_DIRECTORY_STRUCTURE) {
            check(e->professions[i].code.len == 0);
            check(dmp_str_eq(e->situations[i].structure, e->ids[0]));
        }
    }

    check_groups(e);
}


static void
check_entry(const dmp_directory_t *e)
{
    char      key[DMP_KEY_NAME_MAX];
    unsigned  i, j;

    check(e->kind == DMP_DIRECTORY_PERSON
          || e->kind == DMP_DIRECTORY_STRUCTURE);
    check(e->n_ids >= 1 && e->n_ids <= DMP_DIRECTORY_IDS);
    check(e->n_centres <= DMP_DIRECTORY_CENTRES);
    check(e->kind == DMP_DIRECTORY_STRUCTURE ? e->n_centres == 0
                                               && e->notices.len == 0
                                             : !e->centre_15);

    for (i = 0; i < e->n_ids; i++) {
        touch(e->ids[i]);
        check(e->kind == DMP_DIRECTORY_PERSON
              ? dmp_ps_id(e->ids[i]) != DMP_PS_ID_NONE
              : dmp_struct_id(e->ids[i]));
        check(dmp_directory_key(key, e->ids[i]) == 8 + e->ids[i].len);

        for (j = 0; j < i; j++) {
            check(!dmp_str_eq(e->ids[i], e->ids[j]));
        }
    }

    for (i = 0; i < e->n_centres; i++) {
        touch(e->centres[i]);
        check(dmp_struct_id(e->centres[i]));
    }

    touch(e->notices);
    check(e->notices.len <= 254);
    check_situations(e);
}


static bool
names(const dmp_directory_t *e, dmp_str_t id)
{
    unsigned  i;

    for (i = 0; i < e->n_ids; i++) {
        if (dmp_str_eq(e->ids[i], id)) {
            return true;
        }
    }

    return false;
}


static void
check_introduced(const dmp_directory_t *e, const dmp_subject_t *before,
    const dmp_subject_t *s)
{
    size_t    i;
    unsigned  n;

    check(names(e, dmp_directory_id(before)));
    check(s->certificate == before->certificate && s->token == before->token
          && s->actor == before->actor && s->auth == before->auth);
    check(s->id.data == before->id.data && s->id.len == before->id.len);
    check(memcmp(&s->used, &before->used, sizeof(s->used)) == 0);

    check(before->role.code.len == 0 || code_eq(s->role, before->role));
    check(s->actor == DMP_ACTOR_PROFESSIONAL || s->role.code.len == 0);

    check(s->n_other_ids < e->n_ids);
    check(s->actor != DMP_ACTOR_STAFF || s->n_other_ids == 0);

    for (n = 0; n < s->n_other_ids; n++) {
        check(names(e, s->other_ids[n])
              && !dmp_str_eq(s->other_ids[n], s->id));
    }

    for (i = 0; i < s->n_situations; i++) {
        check(&s->situations[i] >= e->situations
              && &s->situations[i] < e->situations + e->n_situations);
        n = (unsigned) (&s->situations[i] - e->situations);
        check(s->role.code.len == 0 || e->professions[n].code.len == 0
              || code_eq(e->professions[n], s->role));
    }

    check(s->regulator == DMP_REGULATOR_YES
          ? s->actor == DMP_ACTOR_STRUCTURE && e->centre_15
          : s->regulator == DMP_REGULATOR_NO
            || (s->actor == DMP_ACTOR_PROFESSIONAL && e->n_centres != 0));
}


/* Each kind of actor, under each of the names and one that is not there. */
static void
introduce(const dmp_directory_t *e, dmp_actor_t actor, dmp_str_t id,
    const char *role)
{
    bool           fits;
    unsigned       i;
    dmp_subject_t  s, before;

    memset(&s, 0, sizeof(s));
    s.certificate = DMP_CREDENTIAL_VERIFIED;
    s.actor = actor;
    s.id = id;

    if (role != NULL) {
        s.role.system = dmp_string("1.2.250.1.71.1.2.7");
        s.role.code = (dmp_str_t) { role, strlen(role) };
    }

    if (actor != DMP_ACTOR_PROFESSIONAL) {
        s.used.structure = id;
    }

    before = s;
    fits = dmp_introduce(&s, e);

    if (fits) {
        check_introduced(e, &before, &s);
    } else {
        check(memcmp(&s, &before, sizeof(s)) == 0);
    }

    check(fits == (names(e, id)
                   && (actor == DMP_ACTOR_PROFESSIONAL
                       ? e->kind == DMP_DIRECTORY_PERSON
                       : e->kind == DMP_DIRECTORY_STRUCTURE
                         && (actor == DMP_ACTOR_STAFF
                             || actor == DMP_ACTOR_STRUCTURE
                             || actor == DMP_ACTOR_FEEDER))));

    for (i = 0; i < e->n_ids; i++) {
        s = before;
        dmp_introduce_centre(&s, e->ids[i], e);
        check(s.regulator == DMP_REGULATOR_NO
              || (s.regulator == DMP_REGULATOR_YES && e->centre_15
                  && actor == DMP_ACTOR_PROFESSIONAL));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               actor;
    unsigned          i;
    dmp_error_t       error;
    dmp_directory_t  *e;

    if (dmp_directory_parse((const char *) data, size, &e, &error) != DMP_OK) {
        check(e == NULL && error.text[0] != '\0');
        return 0;
    }

    check_entry(e);

    for (actor = 0; actor < DMP_ACTOR_MAX; actor++) {

        for (i = 0; i < e->n_ids; i++) {
            introduce(e, (dmp_actor_t) actor, e->ids[i], NULL);
        }

        introduce(e, (dmp_actor_t) actor, dmp_string("899700999999"), NULL);
    }

    introduce(e, DMP_ACTOR_PROFESSIONAL, e->ids[0], "10");
    introduce(e, DMP_ACTOR_PROFESSIONAL, e->ids[0], "60");
    dmp_directory_free(e);

    return 0;
}
