/*
 * case.c: the dimensions and their values, and what a case is as the core's
 * own values.  It holds no opinion about what may be allowed.
 */

#include <stdlib.h>

#include "case.h"


#define INS             "269054958815780"
#define OTHER           "185097512345640"
#define BAD_INS         "269054958815781"    /* the key is wrong */
#define SHORT_INS       "26905495881578"
#define REPRESENTATIVE  "155127512345606"

#define ID          "899700218896"
#define ALIAS       "0751234567"
#define SOMEBODY    "899700314422"
#define ANOTHER     "899700451273"           /* blocked, always */
#define STRUCTURE   "10B0127189"
#define ELSEWHERE   "1760021832"

#define fixed_values(...)  ((const char *const []) { __VA_ARGS__, NULL })
#define no_or_yes          fixed_values("no", "yes")
#define open_ended         { NULL, NULL, NULL, true }


const dmp_policy_t  *policies[8];
int32_t              today;

static value_t   *values[DIM_MAX];
static size_t     n_values[DIM_MAX];


enum { ID_NAMED, ID_EMPTY, ID_ALIAS, ID_STRUCTURE };

enum { OWN_NONE, OWN_PATIENT, OWN_REPRESENTATIVE, OWN_OTHER };

enum { ON_INS, ON_BAD_INS, ON_SHORT_INS, ON_OTHER_INS, ON_DOCUMENT, ON_BOTH,
       ON_NOTHING, ON_ATTACHMENT, ON_INS_AND_ATTACHMENT };

enum { TARGET_ALSO_ANOTHER = 7, TARGET_TWO_NAMES };

enum { SAYS_NOTHING, SAYS_FIRST, SAYS_SECOND, SAYS_THIRD, SAYS_MASKING };

enum { UNTIL_NONE, UNTIL_PAST, UNTIL_TODAY, UNTIL_TOMORROW, UNTIL_LONGEST,
       UNTIL_TOO_LONG };

enum { STORE_SILENT, STORE_ABSENT, STORE_PRESENT, STORE_NO_RECORD,
       STORE_NO_VERSION, STORE_OTHER_PATIENT, STORE_BEYOND };

enum { GRANT_NONE, GRANT_VALID, GRANT_EXPIRED, GRANT_FUTURE, GRANT_RENEWED,
       GRANT_STRUCTURE };

enum { REPRESENTATIVE_NO, REPRESENTATIVE_NAMED, REPRESENTATIVE_ENDED };

enum { LIST_NONE, LIST_MASKED, LIST_MASKED_BY_ID, LIST_UNMASKED,
       LIST_UNMASKED_BY_ID, LIST_BOTH };

enum { DOC_NONE, DOC_SAME, DOC_UNNAMED, DOC_OTHER, DOC_TWO, DOC_VAGUE };

enum { AUTHOR_NO, AUTHOR_SELF, AUTHOR_ALIAS };

static const dmp_names_t  status_names = {
    (const char *const []) { "unknown", "current", "superseded", "deleted" }, 4
};

const dimension_t  dimensions[DIM_MAX] = {
    [DIM_POLICY] = { "policy", NULL, NULL, true },
    [DIM_CERTIFICATE] = { "certificate", &dmp_credential_names, NULL, false },
    [DIM_TOKEN] = { "token", &dmp_credential_names, NULL, false },
    [DIM_ACTOR] = { "actor", &dmp_actor_names, NULL, false },
    [DIM_AUTH] = { "auth", &dmp_auth_names, NULL, false },
    [DIM_ID] = { "id", NULL, fixed_values("named", "empty", "alias",
                                          "structure"), false },
    [DIM_OWN] = { "own", NULL, fixed_values("none", "patient",
                                            "representative", "other"),
                  false },
    [DIM_ROLE] = { "role", NULL, NULL, true },
    [DIM_USED] = { "used", NULL, NULL, true },
    [DIM_SITUATIONS] = { "situations", NULL, NULL, true },
    [DIM_STRUCTURE] = { "structure", NULL, fixed_values("none", "own"),
                        false },
    [DIM_REGULATOR] = { "regulator", &dmp_regulator_names, NULL, false },
    [DIM_MAPPING] = { "mapping", &dmp_mapping_names, NULL, false },
    [DIM_ON] = { "on", NULL, fixed_values("ins", "bad-ins", "short-ins",
                                          "other-ins", "document", "both",
                                          "nothing", "attachment",
                                          "ins-and-attachment"), false },
    [DIM_OPERATION] = { "operation", &dmp_operation_names, NULL, false },
    [DIM_CHANGE] = { "change", &dmp_change_names, NULL, false },
    [DIM_TARGET] = { "target", NULL, fixed_values("none", "self", "alias",
                                                  "structure", "somebody",
                                                  "own-ins", "another",
                                                  "also-another",
                                                  "two-names"), false },
    [DIM_SAYS] = { "says", NULL, fixed_values("nothing", "first", "second",
                                              "third", "masking"), false },
    [DIM_CONSENT] = { "consent", NULL, no_or_yes, false },
    [DIM_EMERGENCY_ANSWERED] = { "answered", NULL, no_or_yes, false },
    [DIM_UNTIL] = { "until", NULL, fixed_values("none", "past", "today",
                                                "tomorrow", "longest",
                                                "too-long"), false },
    [DIM_MODE] = { "mode", &dmp_mode_names, NULL, false },
    [DIM_OFFERS] = { "offers", NULL, NULL, true },
    [DIM_CHANNEL] = { "channel", &dmp_channel_names, NULL, false },
    [DIM_JUSTIFICATION] = { "justification", NULL, NULL, true },
    [DIM_TRAITS] = { "traits", NULL, NULL, true },
    [DIM_EFFECTS] = { "effects", NULL, NULL, true },
    [DIM_STORE] = { "store", NULL, fixed_values("silent", "absent", "present",
                                                "no-record", "no-version",
                                                "other-patient", "beyond"),
                    false },
    [DIM_OPEN] = { "open", NULL, no_or_yes, false },
    [DIM_BLOCKED] = { "blocked", NULL, no_or_yes, false },
    [DIM_TREATING] = { "treating", NULL, no_or_yes, false },
    [DIM_GRANT] = { "grant", NULL, fixed_values("none", "valid", "expired",
                                                "future", "renewed",
                                                "structure"), false },
    [DIM_BRIS] = { "bris", NULL, no_or_yes, false },
    [DIM_CENTRE15] = { "centre15", NULL, no_or_yes, false },
    [DIM_EMERGENCY_MASKED] = { "emergency-masked", NULL, no_or_yes, false },
    [DIM_REPRESENTATIVE] = { "representative", NULL,
                             fixed_values("no", "named", "ended"), false },
    [DIM_RECORD_TRAITS] = { "record-traits", NULL, NULL, true },
    [DIM_LISTS] = { "lists", NULL, fixed_values("none", "masked",
                                                "masked-by-id", "unmasked",
                                                "unmasked-by-id", "both"),
                    false },
    [DIM_BY_DEFAULT] = { "by-default", NULL, no_or_yes, false },
    [DIM_DOCUMENT] = { "document", NULL, fixed_values("none", "same",
                                                      "unnamed", "other",
                                                      "two", "vague"), false },
    [DIM_TYPE] = { "type", NULL, NULL, true },
    [DIM_LABELS] = { "labels", NULL, NULL, true },
    [DIM_AUTHOR] = { "author", NULL, fixed_values("no", "self", "alias"),
                     false },
    [DIM_DOC_STRUCTURE] = { "doc-structure", NULL, fixed_values("no", "own"),
                            false },
    [DIM_BY_PATIENT] = { "by-patient", NULL, no_or_yes, false },
    [DIM_STATUS] = { "status", &status_names, NULL, false },
    [DIM_ARCHIVED] = { "archived", NULL, no_or_yes, false },
    [DIM_DEPOSITED] = { "deposited", NULL, NULL, true },
    [DIM_INDEXED] = { "indexed", NULL, no_or_yes, false },
};


int
dimension_find(const char *name)
{
    int  i;

    for (i = 0; i < DIM_MAX; i++) {
        if (strcmp(dimensions[i].name, name) == 0) {
            return i;
        }
    }

    return -1;
}


int
value_find(int dimension, const char *name)
{
    int                 found;
    size_t              i;
    const dimension_t  *d;

    d = &dimensions[dimension];

    if (d->core != NULL) {
        found = dmp_name_value(d->core, (dmp_str_t) { name, strlen(name) });

        /* the first that no enumeration has */
        return (found < 0 && strcmp(name, "beyond") == 0) ? (int) d->core->n
                                                          : found;
    }

    for (i = 0; d->fixed != NULL && d->fixed[i] != NULL; i++) {
        if (strcmp(d->fixed[i], name) == 0) {
            return (int) i;
        }
    }

    for (i = 0; i < n_values[dimension]; i++) {
        if (strcmp(values[dimension][i].name, name) == 0) {
            return (int) i;
        }
    }

    return -1;
}


/* The text up to one of the bytes in "ends"; moves past that one. */
static dmp_str_t
piece(char **text, const char *ends)
{
    size_t     len;
    dmp_str_t  s;

    len = strcspn(*text, ends);
    s = (dmp_str_t) { *text, len };
    *text += len + ((*text)[len] != '\0');

    return s;
}


static dmp_code_t
code(dmp_str_t s)
{
    const char  *bar;
    dmp_code_t   out = { dmp_null_string, dmp_null_string };

    bar = memchr(s.data, '|', s.len);

    if (bar != NULL) {
        out.system = (dmp_str_t) { s.data, (size_t) (bar - s.data) };
        out.code = (dmp_str_t) { bar + 1,
                                 s.len - (size_t) (bar + 1 - s.data) };
    }

    return out;
}


/* "sector=S|C activity=S|C specialty=S|C structure=ID" */
static const char *
situation(dmp_str_t s, dmp_situation_t *out)
{
    char       *p;
    dmp_str_t   member, name;

    /* our own copy of a line, see value_define() */
    p = (char *) s.data;

    while (p < s.data + s.len) {
        member = piece(&p, " ;");
        name = (dmp_str_t) { member.data, 0 };

        while (name.len < member.len && name.data[name.len] != '=') {
            name.len++;
        }

        if (name.len == member.len) {
            return "a situation has members NAME=VALUE";
        }

        member.data += name.len + 1;
        member.len -= name.len + 1;

        if (dmp_str_eq(name, dmp_string("sector"))) {
            out->sector = code(member);

        } else if (dmp_str_eq(name, dmp_string("activity"))) {
            out->activity = code(member);

        } else if (dmp_str_eq(name, dmp_string("specialty"))) {
            out->specialty = code(member);

        } else if (dmp_str_eq(name, dmp_string("structure"))) {
            out->structure = member;

        } else {
            return "a situation has sector, activity, specialty, structure";
        }
    }

    return NULL;
}


static const char *
value_parse(int dimension, value_t *v)
{
    char        *p;
    unsigned     i;
    const char  *wrong;

    p = v->text;
    wrong = NULL;
    v->str = (dmp_str_t) { v->text, strlen(v->text) };

    switch (dimension) {

    case DIM_ROLE:
        v->code = code(v->str);
        break;

    case DIM_USED:
    case DIM_SITUATIONS:
        for (i = 0; *p != '\0' && wrong == NULL; i++) {
            if (i == count(v->situations)) {
                return "too many situations";
            }

            wrong = situation(piece(&p, ";"), &v->situations[i]);
        }

        v->n_situations = i;
        break;

    case DIM_TYPE:
        for (i = 0; *p != '\0'; i++) {
            if (i == count(v->codes)) {
                return "too many types";
            }

            v->codes[i] = code(piece(&p, "+"));
        }

        v->n_codes = i;
        break;

    case DIM_TRAITS:
    case DIM_RECORD_TRAITS:
        for (i = 0; i < count(v->traits); i++) {
            v->traits[i] = piece(&p, "|");
        }
        break;

    case DIM_OFFERS:
    case DIM_EFFECTS:
    case DIM_LABELS:
    case DIM_DEPOSITED:
        v->number = strtol(v->text, NULL, 0);
        v->known = v->text[0] != '\0';
        break;

    default:
        break;
    }

    return wrong;
}


const char *
value_define(int dimension, const char *name, const char *text)
{
    value_t  *v;

    if (!dimensions[dimension].open) {
        return "this dimension has its values";
    }

    if (value_find(dimension, name) != -1) {
        return "defined twice";
    }

    if (values[dimension] == NULL) {
        values[dimension] = calloc(VALUES_MAX, sizeof(value_t));
    }

    if (values[dimension] == NULL || n_values[dimension] == VALUES_MAX) {
        return "too many values";
    }

    v = &values[dimension][n_values[dimension]++];
    v->name = strdup(name);
    v->text = strdup(text);

    if (v->name == NULL || v->text == NULL) {
        return "out of memory";
    }

    return value_parse(dimension, v);
}


static const dmp_str_t  somebody[] = { dmp_string(SOMEBODY), dmp_string(ID) };
static const dmp_str_t  another[] = { dmp_string(ANOTHER), dmp_string(ID) };
static const dmp_str_t  by_name[] = { dmp_string("urn:oid:9.9"),
                                      dmp_string("urn:oid:1.2") };
static const dmp_str_t  by_id[] = { dmp_string("d1") };


/* The value that the case takes of what "define" made; none: an empty one. */
static const value_t *
taken(const case_t c, int dimension)
{
    static const value_t  empty;

    return ((size_t) c[dimension] < n_values[dimension])
           ? &values[dimension][c[dimension]] : &empty;
}


static void
build_subject(const case_t c, dmp_subject_t *subject)
{
    const value_t  *v;

    static const dmp_str_t  ids[] = {
        [ID_NAMED] = dmp_string(ID),
        [ID_EMPTY] = dmp_null_string,
        [ID_ALIAS] = dmp_string(ALIAS),
        [ID_STRUCTURE] = dmp_string(STRUCTURE),
    };
    static const dmp_str_t  own[] = {
        [OWN_NONE] = dmp_null_string,
        [OWN_PATIENT] = dmp_string(INS),
        [OWN_REPRESENTATIVE] = dmp_string(REPRESENTATIVE),
        [OWN_OTHER] = dmp_string(OTHER),
    };

    memset(subject, 0, sizeof(*subject));

    subject->certificate = (dmp_credential_t) c[DIM_CERTIFICATE];
    subject->token = (dmp_credential_t) c[DIM_TOKEN];
    subject->actor = (dmp_actor_t) c[DIM_ACTOR];
    subject->auth = (dmp_auth_t) c[DIM_AUTH];
    subject->id = ids[c[DIM_ID]];
    subject->ins = own[c[DIM_OWN]];
    subject->role = taken(c, DIM_ROLE)->code;
    subject->regulator = (dmp_regulator_t) c[DIM_REGULATOR];

    if (c[DIM_ID] == ID_ALIAS) {
        subject->other_ids[0] = dmp_string("0759999999");
        subject->other_ids[1] = dmp_string(ID);
        subject->n_other_ids = 2;
    }

    v = taken(c, DIM_USED);

    if (v->n_situations > 0) {
        subject->used = v->situations[0];
    }

    if (c[DIM_STRUCTURE] != 0) {
        subject->used.structure = dmp_string(STRUCTURE);
    }

    v = taken(c, DIM_SITUATIONS);

    if (v->n_situations > 0) {
        subject->situations = v->situations;
        subject->n_situations = v->n_situations;
    }
}


/* One of three choices, or of three addresses, or the fourth of its kind. */
static void
build_choice(const case_t c, dmp_request_t *request)
{
    const dmp_str_t  none = dmp_string("");

    switch (c[DIM_SAYS]) {

    case SAYS_FIRST:
        request->emergency.bris_de_glace = DMP_CHOICE_NO;
        request->contact.email = none;
        break;

    case SAYS_SECOND:
        request->emergency.centre_15 = DMP_CHOICE_YES;
        request->contact.phone = dmp_string("+33612345678");
        break;

    case SAYS_THIRD:
        request->emergency.masked = DMP_CHOICE_NO;
        request->contact.prefer = dmp_string("sms");
        break;

    case SAYS_MASKING:
        request->mask_by_default = DMP_CHOICE_NO;
        break;

    default:
        break;
    }
}


static void
build_target(const case_t c, dmp_request_t *request)
{
    static const dmp_str_t  targets[] = {
        dmp_null_string, dmp_string(ID), dmp_string(ALIAS),
        dmp_string(STRUCTURE), dmp_string(SOMEBODY),
        dmp_string(REPRESENTATIVE), dmp_string(ANOTHER), dmp_string(SOMEBODY),
        dmp_string(SOMEBODY)
    };

    request->target = targets[c[DIM_TARGET]];

    request->target_ids[0] = dmp_string("0759999998");
    request->target_ids[1] = dmp_string(ANOTHER);
    request->n_target_ids = (c[DIM_TARGET] == TARGET_ALSO_ANOTHER) ? 2
                            : (c[DIM_TARGET] == TARGET_TWO_NAMES) ? 1 : 0;
}


static void
build_request(const case_t c, dmp_request_t *request)
{
    const value_t  *v;

    static const dmp_str_t  ins[] = {
        [ON_INS] = dmp_string(INS),
        [ON_BAD_INS] = dmp_string(BAD_INS),
        [ON_SHORT_INS] = dmp_string(SHORT_INS),
        [ON_OTHER_INS] = dmp_string(OTHER),
        [ON_DOCUMENT] = dmp_null_string,
        [ON_BOTH] = dmp_string(INS),
        [ON_NOTHING] = dmp_null_string,
        [ON_ATTACHMENT] = dmp_null_string,
        [ON_INS_AND_ATTACHMENT] = dmp_string(INS),
    };
    memset(request, 0, offsetof(dmp_request_t, text));

    request->mapping = (dmp_mapping_t) c[DIM_MAPPING];
    request->operation = (dmp_operation_t) c[DIM_OPERATION];
    request->mode = (dmp_mode_t) c[DIM_MODE];
    request->offers = (unsigned) taken(c, DIM_OFFERS)->number;
    request->channel = (dmp_channel_t) c[DIM_CHANNEL];
    request->ins = ins[c[DIM_ON]];
    request->justification = taken(c, DIM_JUSTIFICATION)->str;
    request->change = (dmp_change_t) c[DIM_CHANGE];
    request->consent = c[DIM_CONSENT] != 0;
    request->emergency_answered = c[DIM_EMERGENCY_ANSWERED] != 0;
    request->effects = (unsigned) taken(c, DIM_EFFECTS)->number;

    if (c[DIM_ON] == ON_DOCUMENT || c[DIM_ON] == ON_BOTH) {
        request->document = by_id[0];
    }

    if (c[DIM_ON] == ON_ATTACHMENT || c[DIM_ON] == ON_INS_AND_ATTACHMENT) {
        request->attachment = dmp_string("Binary/b1");
    }

    build_target(c, request);
    build_choice(c, request);

    v = taken(c, DIM_TRAITS);
    request->traits = (dmp_traits_t) { v->traits[0], v->traits[1],
                                       v->traits[2] };

    request->until = (c[DIM_UNTIL] == UNTIL_PAST) ? today - 1
                     : (c[DIM_UNTIL] == UNTIL_TODAY) ? today
                     : (c[DIM_UNTIL] == UNTIL_TOMORROW) ? today + 1
                     : (c[DIM_UNTIL] == UNTIL_LONGEST) ? today + 365
                     : (c[DIM_UNTIL] == UNTIL_TOO_LONG) ? today + 366
                     : 0;
}


/* One of somebody else comes first; n is how many the record has. */
static const dmp_grant_t *
grants(int grant, size_t *n)
{
    static dmp_grant_t  list[3];

    list[0] = (dmp_grant_t) { dmp_string(SOMEBODY), 0,
                              grant == GRANT_VALID ? 1 : INT32_MAX };
    list[1] = (dmp_grant_t) { dmp_string(ID), today, today + 1 };
    *n = (grant == GRANT_NONE) ? 1 : 2;

    switch (grant) {

    case GRANT_EXPIRED:
        list[1].since = today - 365;
        list[1].until = today;
        break;

    case GRANT_FUTURE:
        list[1].since = today + 1;
        list[1].until = INT32_MAX;
        break;

    case GRANT_RENEWED:
        /* under another identifier of theirs it is over */
        list[2] = list[1];
        list[1] = (dmp_grant_t) { dmp_string(ALIAS), 0, today - 1 };
        *n = 3;
        break;

    case GRANT_STRUCTURE:
        list[1].id = dmp_string(STRUCTURE);
        break;

    default:
        break;
    }

    return list;
}


static void
build_lists(const case_t c, dmp_record_t *record)
{
    record->masked = (dmp_list_t) { by_name, 1 };
    record->unmasked = (dmp_list_t) { by_name, 1 };

    switch (c[DIM_LISTS]) {

    case LIST_MASKED:
        record->masked.n = 2;
        break;

    case LIST_MASKED_BY_ID:
        record->masked.list = by_id;
        break;

    case LIST_UNMASKED:
        record->unmasked.n = 2;
        break;

    case LIST_UNMASKED_BY_ID:
        record->unmasked.list = by_id;
        break;

    case LIST_BOTH:
        record->masked.n = 2;
        record->unmasked.n = 2;
        break;

    default:
        break;
    }
}


static void
build_record(const case_t c, scene_t *scene)
{
    dmp_record_t   *record;
    const value_t  *v;

    record = &scene->record;
    memset(record, 0, sizeof(*record));

    record->ins = (c[DIM_STORE] == STORE_OTHER_PATIENT) ? dmp_string(OTHER)
                                                        : dmp_string(INS);
    record->open = c[DIM_OPEN] != 0;

    v = taken(c, DIM_RECORD_TRAITS);
    record->family = v->traits[0];
    record->birth_family = v->traits[1];
    record->given = v->traits[2];
    record->birthdate = v->traits[3];

    record->bris_de_glace = c[DIM_BRIS] != 0;
    record->centre_15 = c[DIM_CENTRE15] != 0;
    record->emergency_masked = c[DIM_EMERGENCY_MASKED] != 0;
    record->mask_by_default = c[DIM_BY_DEFAULT] != 0;
    record->blocked = (dmp_list_t) { another, c[DIM_BLOCKED] ? 2 : 1 };
    record->treating = (dmp_list_t) { somebody, c[DIM_TREATING] ? 2 : 1 };
    record->authorisations = grants(c[DIM_GRANT], &record->n_authorisations);

    build_lists(c, record);

    scene->representatives[0] = (dmp_representative_t) {
        dmp_string("101017512345651"), INT32_MAX
    };
    scene->representatives[1] = (dmp_representative_t) {
        dmp_string(REPRESENTATIVE),
        (c[DIM_REPRESENTATIVE] == REPRESENTATIVE_ENDED) ? today : today + 1
    };
    record->representatives = scene->representatives;
    record->n_representatives =
        (c[DIM_REPRESENTATIVE] == REPRESENTATIVE_NO) ? 1 : 2;
}


static void
build_facts(const case_t c, scene_t *scene)
{
    dmp_facts_t  *facts;

    facts = &scene->facts;
    facts->version = (c[DIM_STORE] == STORE_NO_VERSION) ? 0 : 3;
    facts->record = &scene->record;
    facts->state = DMP_RECORD_PRESENT;

    switch (c[DIM_STORE]) {

    case STORE_SILENT:
        *facts = (dmp_facts_t) { DMP_RECORD_UNKNOWN, 0, NULL };
        break;

    case STORE_ABSENT:
        *facts = (dmp_facts_t) { DMP_RECORD_ABSENT, 0, NULL };
        break;

    case STORE_NO_RECORD:
        facts->record = NULL;
        break;

    case STORE_BEYOND:
        facts->state = DMP_RECORD_MAX;
        break;

    default:
        break;
    }
}


static void
build_document(const case_t c, dmp_document_t *d)
{
    const value_t  *v;

    d->id = by_id[0];
    d->master = by_name[1];

    v = taken(c, DIM_TYPE);
    memcpy(d->types, v->codes, sizeof(d->types));
    d->n_types = v->n_codes;

    d->labels = (unsigned) taken(c, DIM_LABELS)->number;

    d->ins[0] = (c[DIM_DOCUMENT] == DOC_OTHER) ? dmp_string(OTHER)
                                               : dmp_string(INS);
    d->ins[1] = dmp_string(OTHER);
    d->n_ins = (c[DIM_DOCUMENT] == DOC_UNNAMED) ? 0
               : (c[DIM_DOCUMENT] == DOC_TWO) ? 2 : 1;
    d->other_patient = c[DIM_DOCUMENT] == DOC_VAGUE;

    d->authors[0] = dmp_string(SOMEBODY);
    d->authors[1] = (c[DIM_AUTHOR] == AUTHOR_ALIAS) ? dmp_string(ALIAS)
                                                    : dmp_string(ID);
    d->n_authors = (c[DIM_AUTHOR] == AUTHOR_NO) ? 1 : 2;

    d->structures[0] = dmp_string(ELSEWHERE);
    d->structures[1] = dmp_string(STRUCTURE);
    d->n_structures = (c[DIM_DOC_STRUCTURE] == 0) ? 1 : 2;

    d->by_patient = c[DIM_BY_PATIENT] != 0;
    d->status = (dmp_status_t) c[DIM_STATUS];
    d->archived = c[DIM_ARCHIVED] != 0;

    v = taken(c, DIM_DEPOSITED);
    d->dated = v->known;
    d->deposited = (int32_t) v->number;
    d->indexed = c[DIM_INDEXED] != 0;
    d->outcome = false;
}


void
case_build(const case_t c, scene_t *scene)
{
    scene->policy = policies[c[DIM_POLICY]];

    build_subject(c, &scene->subject);
    build_request(c, &scene->request);
    build_record(c, scene);
    build_facts(c, scene);
    build_document(c, &scene->document);

    scene->given = (c[DIM_DOCUMENT] == DOC_NONE) ? NULL : &scene->document;
}
