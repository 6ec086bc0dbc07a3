/*
 * decide.c: decisions, to be counted by callgrind: with the policy as it is
 * shipped, a record with lists of a realistic length, and one decision of each
 * kind in turn.  "decide POLICY N NAME" makes N decisions of that kind;
 * without NAME it lists the kinds.
 */

#include <stdio.h>
#include <stdlib.h>

#include <dmp/dmp_document.h>
#include <dmp/dmp_record.h>

#include "../tools/policy_files.h"


#define INS      "269054958815780"
#define DOCTOR   "899700218896"
#define SESSION  "AAAAAAAAAAAAAAAAAAAAAA"
#define TODAY    20780                   /* 2026-11-23 */
#define LISTED   10                      /* in each list of the record */

typedef struct {
    const char       *name;
    const char       *profession;        /* NULL: the patient */
    dmp_operation_t   operation;
    dmp_mode_t        mode;
    bool              document;
    bool              masked;
    bool              heard;             /* the request; only its document is
                                            left to judge */
} kind_t;

#define DOCTOR_KIND      .profession = "10", .mode = DMP_MODE_NORMAL
#define WITH_DOCUMENT    .document = true

static const kind_t  kinds[] = {
    { .name = "check", DOCTOR_KIND, .operation = DMP_OPERATION_CHECK },
    { .name = "search", DOCTOR_KIND, .operation = DMP_OPERATION_SEARCH },
    { .name = "entry", DOCTOR_KIND, .operation = DMP_OPERATION_SEARCH,
      WITH_DOCUMENT, .heard = true },
    { .name = "read", DOCTOR_KIND, .operation = DMP_OPERATION_READ,
      WITH_DOCUMENT },
    { .name = "read-heard", DOCTOR_KIND, .operation = DMP_OPERATION_READ,
      WITH_DOCUMENT, .heard = true },
    { .name = "read-masked", DOCTOR_KIND, .operation = DMP_OPERATION_READ,
      WITH_DOCUMENT, .masked = true },
    { .name = "read-pharmacist", .profession = "21", .mode = DMP_MODE_NORMAL,
      .operation = DMP_OPERATION_READ, WITH_DOCUMENT },
    { .name = "read-bris-de-glace", .profession = "10",
      .mode = DMP_MODE_BRIS_DE_GLACE, .operation = DMP_OPERATION_READ,
      WITH_DOCUMENT },
    { .name = "read-patient", .mode = DMP_MODE_NORMAL,
      .operation = DMP_OPERATION_READ, WITH_DOCUMENT },
};

#define count(table)  (sizeof(table) / sizeof((table)[0]))

static char         names[LISTED][16];
static dmp_str_t    list[LISTED];
static dmp_grant_t  grants[LISTED];


/* Somebody else in every place; the doctor last among the authorised. */
static void
make_record(dmp_record_t *record)
{
    size_t  i;

    for (i = 0; i < LISTED; i++) {
        (void) snprintf(names[i], sizeof(names[i]), "8997%08zu", i);
        list[i] = (dmp_str_t) { names[i], 12 };
        grants[i].id = list[i];
        grants[i].since = 0;
        grants[i].until = INT32_MAX;
    }

    grants[LISTED - 1].id = dmp_string(DOCTOR);

    record->ins = dmp_string(INS);
    record->open = true;
    record->family = dmp_string("LEFÈVRE-DUPONT");
    record->given = dmp_string("Marie Hélène Louise");
    record->birthdate = dmp_string("1969-05-04");
    record->bris_de_glace = true;
    record->blocked = (dmp_list_t) { list, LISTED };
    record->treating = (dmp_list_t) { list, 2 };
    record->masked = (dmp_list_t) { list, LISTED };
    record->authorisations = grants;
    record->n_authorisations = LISTED;
}


static void
make_subject(const kind_t *kind, dmp_subject_t *subject)
{
    subject->id = dmp_string(DOCTOR);

    if (kind->profession == NULL) {
        subject->token = DMP_CREDENTIAL_VERIFIED;
        subject->actor = DMP_ACTOR_PATIENT;
        subject->auth = DMP_AUTH_SESSION;
        subject->id = dmp_string(SESSION);
        subject->ins = dmp_string(INS);
        return;
    }

    subject->certificate = DMP_CREDENTIAL_VERIFIED;
    subject->actor = DMP_ACTOR_PROFESSIONAL;
    subject->auth = DMP_AUTH_DIRECT;
    subject->role.system = dmp_string("1.2.250.1.71.1.2.7");
    subject->role.code = (dmp_str_t) { kind->profession, 2 };
    subject->used.sector.system = dmp_string("1.2.250.1.71.4.2.4");
    subject->used.sector.code = dmp_string("SA07");
}


static void
make_document(const kind_t *kind, dmp_document_t *document)
{
    document->id = dmp_string("martin-consultation-1");
    document->master = dmp_string("urn:oid:1.2.250.1.213.1.4.8.99999.101");
    document->types[0].system = dmp_string("http://loinc.org");
    document->types[0].code = dmp_string("11488-4");
    document->n_types = 1;
    document->ins[0] = dmp_string(INS);
    document->n_ins = 1;
    document->authors[0] = kind->masked ? dmp_string(DOCTOR)
                                        : dmp_string("899700314422");
    document->n_authors = 1;
    document->labels = kind->masked ? DMP_LABEL_MASKED : 0;
    document->status = DMP_STATUS_CURRENT;
}


static bool
decide(const dmp_policy_t *policy, const kind_t *kind, long n)
{
    bool                   allowed;
    dmp_facts_t            facts;
    dmp_request_t          request;
    dmp_subject_t          subject;
    dmp_hearing_t          hearing;
    dmp_decision_t         decision;
    static dmp_record_t    record;
    static dmp_document_t  document;

    memset(&request, 0, sizeof(request));
    memset(&subject, 0, sizeof(subject));

    make_record(&record);
    make_subject(kind, &subject);
    make_document(kind, &document);

    request.mapping = DMP_MAPPING_ONE;
    request.operation = kind->operation;
    request.mode = kind->mode;
    request.offers = DMP_OFFERS_NORMAL|DMP_OFFERS_BRIS_DE_GLACE;
    request.channel = DMP_CHANNEL_ANY;
    request.ins = dmp_string(INS);
    request.justification = dmp_string("Patiente inconsciente aux urgences");
    request.traits.family = dmp_string("Lefevre Dupont");
    request.traits.given = dmp_string("Hélène");
    request.traits.birthdate = dmp_string("1969-05-04");

    facts.state = DMP_RECORD_PRESENT;
    facts.version = 3;
    facts.record = &record;
    allowed = true;

    if (kind->heard) {
        dmp_hear(policy, &subject, &request, &facts, TODAY, &hearing);
    }

    while (n-- > 0) {

        if (kind->heard) {
            dmp_judge(&hearing, &document, &decision);
            allowed &= (decision.effect == DMP_ALLOW);
            continue;
        }

        dmp_decide(policy, &subject, &request, &facts,
                   kind->document ? &document : NULL, TODAY, &decision);
        allowed &= (decision.effect == DMP_ALLOW);
    }

    return allowed;
}


int
main(int argc, char **argv)
{
    long           n;
    size_t         i;
    dmp_policy_t  *policy;

    if (argc != 4) {
        for (i = 0; i < count(kinds); i++) {
            puts(kinds[i].name);
        }

        return 0;
    }

    n = strtol(argv[2], NULL, 10);

    if (!tool_policy(argv[1], &policy)) {
        return 1;
    }

    for (i = 0; i < count(kinds); i++) {
        if (strcmp(kinds[i].name, argv[3]) == 0) {
            if (!decide(policy, &kinds[i], n)) {
                fprintf(stderr, "decide: %s is refused\n", argv[3]);
                return 1;
            }

            dmp_policy_free(policy);
            return 0;
        }
    }

    fprintf(stderr, "decide: there is no kind \"%s\"\n", argv[3]);

    return 1;
}
