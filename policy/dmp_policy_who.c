/*
 * dmp_policy_who.c: who an actor is: professions and the words that cards
 * print for them, and who is excluded.
 */

#include "dmp_policy_int.h"


#define DMP_PROFESSIONS_MAX  512
#define DMP_TITLES_MAX       1024        /* of all professions */
#define DMP_EXCLUSIONS_MAX   256


/* What a card prints is one profession, or it would be the first of two. */
static bool
dmp_policy_title(dmp_policy_reader_t *r, json_t *value, dmp_code_t profession)
{
    size_t         i;
    dmp_str_t      title;
    dmp_policy_t  *policy;

    policy = r->policy;

    if (!dmp_policy_string(r, value, &title)) {
        return false;
    }

    for (i = 0; i < policy->n_titles; i++) {
        if (dmp_str_eq(policy->titles[i].title, title)) {
            return dmp_policy_error(r, "the title \"%s\" is given twice",
                                    dmp_policy_word(title).text);
        }
    }

    policy->titles[policy->n_titles++] = (dmp_title_t) { title, profession };

    return true;
}


static bool
dmp_policy_titles(dmp_policy_reader_t *r, json_t *value, dmp_code_t profession)
{
    size_t   i;
    json_t  *list, *title;

    if (json_object_get(value, "titles") == NULL) {
        return true;
    }

    if (!dmp_policy_list(r, value, "titles", 1, DMP_TITLES_MAX, &list)) {
        return false;
    }

    json_array_foreach(list, i, title) {
        dmp_policy_at(r, i);

        if (!dmp_policy_title(r, title, profession)) {
            return false;
        }

        dmp_policy_up(r);
    }

    dmp_policy_up(r);
    return true;
}


/* Its own words; what it trains for may stand further down: that is later. */
static bool
dmp_policy_profession_own(dmp_policy_reader_t *r, json_t *value,
    dmp_profession_t *p)
{
    unsigned    kind;
    dmp_code_t  code;

    static const char *const            members[] = {
        "system", "code", "name", "kind", "trains_for", "titles", NULL
    };
    static const char *const            kinds[] = {
        "doctor", "health", "other", NULL
    };
    static const dmp_profession_kind_t  values[] = {
        DMP_PROFESSION_DOCTOR, DMP_PROFESSION_HEALTH, DMP_PROFESSION_OTHER
    };

    if (!dmp_policy_object(r, value, members, 3)
        || !dmp_policy_text(r, value, "system", &code.system)
        || !dmp_policy_text(r, value, "code", &code.code)
        || !dmp_policy_text(r, value, "name", &p->name))
    {
        return false;
    }

    if (dmp_policy_profession(r->policy, code) != NULL) {
        return dmp_policy_error(r, "the profession \"%s\" of \"%s\" is given "
                                "twice", dmp_policy_word(code.code).text,
                                dmp_policy_word(code.system).text);
    }

    p->code = code;
    p->training = json_object_get(value, "trains_for") != NULL;

    if (p->training == (json_object_get(value, "kind") != NULL)) {
        return dmp_policy_error(r, "the profession \"%s\" has %s of \"kind\" "
                                "and \"trains_for\"",
                                dmp_policy_word(code.code).text,
                                p->training ? "both" : "none");
    }

    if (!p->training) {
        kind = 0;

        if (!dmp_policy_choice(r, value, "kind", kinds, &kind)) {
            return false;
        }

        p->kind = values[kind];
    }

    return dmp_policy_titles(r, value, code);
}


static bool
dmp_policy_trains_for(dmp_policy_reader_t *r, json_t *value,
    dmp_profession_t *p)
{
    dmp_code_t               code;
    const dmp_profession_t  *other;

    dmp_policy_into(r, "trains_for");

    if (!dmp_policy_code(r, json_object_get(value, "trains_for"), &code)) {
        return false;
    }

    other = dmp_policy_profession(r->policy, code);

    if (other == NULL || other->training) {
        dmp_policy_into(r, "code");

        return dmp_policy_error(r, other == NULL
                                ? "no profession \"%s\" of \"%s\""
                                : "the profession \"%s\" of \"%s\" is itself "
                                  "in training",
                                dmp_policy_word(code.code).text,
                                dmp_policy_word(code.system).text);
    }

    p->kind = other->kind;
    p->row = (size_t) (other - r->policy->professions);

    dmp_policy_up(r);
    return true;
}


/* One for each title of the file. */
static bool
dmp_policy_alloc_titles(dmp_policy_reader_t *r, json_t *professions)
{
    size_t   i, n;
    json_t  *value;

    n = 0;

    json_array_foreach(professions, i, value) {
        n += json_array_size(json_object_get(value, "titles"));
    }

    if (n > DMP_TITLES_MAX) {
        return dmp_policy_limit(r, "\"professions\" has %zu titles, more than "
                                "%d", n, DMP_TITLES_MAX);
    }

    r->policy->titles = dmp_policy_alloc(r, n, sizeof(dmp_title_t));

    return r->policy->titles != NULL;
}


bool
dmp_policy_read_professions(dmp_policy_reader_t *r, json_t *root)
{
    size_t             i;
    json_t            *list, *value;
    dmp_str_t          source;
    dmp_profession_t  *p;

    static const char *const  members[] = { "format", "source", "professions",
                                            NULL };

    if (!dmp_policy_object(r, root, members, 3)
        || !dmp_policy_text(r, root, "source", &source)
        || !dmp_policy_list(r, root, "professions", 1, DMP_PROFESSIONS_MAX,
                            &list)
        || !dmp_policy_alloc_titles(r, list))
    {
        return false;
    }

    p = dmp_policy_alloc(r, json_array_size(list), sizeof(dmp_profession_t));

    if (p == NULL) {
        return false;
    }

    r->policy->professions = p;

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);
        p[i].row = i;

        if (!dmp_policy_profession_own(r, value, &p[i])) {
            return false;
        }

        dmp_policy_up(r);
        r->policy->n_professions++;
    }

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (p[i].training && !dmp_policy_trains_for(r, value, &p[i])) {
            return false;
        }

        dmp_policy_up(r);
    }

    dmp_policy_up(r);
    return true;
}


static bool
dmp_policy_exclusion(dmp_policy_reader_t *r, json_t *value, dmp_exclusion_t *e)
{
    size_t       i;
    bool         some;
    dmp_code_t  *codes[4];

    static const char *const  members[] = {
        "name", "source", "profession", "sector", "activity", "specialty", NULL
    };

    if (!dmp_policy_object(r, value, members, 2)
        || !dmp_policy_text(r, value, "name", &e->name)
        || !dmp_policy_text(r, value, "source", &e->source))
    {
        return false;
    }

    codes[0] = &e->profession;
    codes[1] = &e->sector;
    codes[2] = &e->activity;
    codes[3] = &e->specialty;
    some = false;

    for (i = 0; i < 4; i++) {
        if (json_object_get(value, members[2 + i]) == NULL) {
            continue;
        }

        dmp_policy_into(r, members[2 + i]);

        if (!dmp_policy_code(r, json_object_get(value, members[2 + i]),
                             codes[i]))
        {
            return false;
        }

        dmp_policy_up(r);
        some = true;
    }

    /* what asks for nothing would be had by everybody */

    return some
           || dmp_policy_error(r, "\"%s\" has none of \"profession\", "
                               "\"sector\", \"activity\" and \"specialty\"",
                               dmp_policy_word(e->name).text);
}


static bool
dmp_policy_exclusion_list(dmp_policy_reader_t *r, json_t *root,
    const char *member, dmp_exclusion_t **out, size_t *n)
{
    size_t            i;
    json_t           *list, *value;
    dmp_exclusion_t  *e;

    if (!dmp_policy_list(r, root, member, 0, DMP_EXCLUSIONS_MAX, &list)) {
        return false;
    }

    e = dmp_policy_alloc(r, json_array_size(list), sizeof(dmp_exclusion_t));

    if (e == NULL) {
        return false;
    }

    *out = e;

    json_array_foreach(list, i, value) {
        dmp_policy_at(r, i);

        if (!dmp_policy_exclusion(r, value, &e[i])) {
            return false;
        }

        dmp_policy_up(r);
        (*n)++;
    }

    dmp_policy_up(r);
    return true;
}


bool
dmp_policy_read_exclusions(dmp_policy_reader_t *r, json_t *root)
{
    dmp_policy_t  *policy;

    static const char *const  members[] = { "format", "excluded",
                                            "occupational_doctors", NULL };

    policy = r->policy;

    return dmp_policy_object(r, root, members, 3)
           && dmp_policy_exclusion_list(r, root, "excluded",
                                        &policy->exclusions,
                                        &policy->n_exclusions)
           && dmp_policy_exclusion_list(r, root, "occupational_doctors",
                                        &policy->occupational,
                                        &policy->n_occupational);
}
