/*
 * policy_texts.h: a small policy of all kinds of files, for tests that change
 * a word of it, and a folder that has them.  One member to a line: the tests
 * name lines.
 */

#ifndef POLICY_TEXTS_H
#define POLICY_TEXTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dmp/dmp_policy.h>


#define count(table)  (sizeof(table) / sizeof((table)[0]))


typedef struct {
    const char  *name;
    const char  *text;
} policy_text_t;

/* In the order in which they are read. */
static const policy_text_t  policy_texts[] = {

    { "policy.json",
      "{\n"
      "  \"format\": \"dmp-policy/1\",\n"
      "  \"chains\": [\n"
      "    {\"role\": \"persons\", \"makes\": [\"cps\", \"cpf\"],"
      " \"issuer\": [[\"C\", \"FR\"], [\"CN\", \"A\"]]},\n"
      "    {\"role\": \"organisations\", \"makes\": [\"structure\"],"
      " \"test\": true,"
      " \"issuer\": [[\"C\", \"FR\"], [\"CN\", \"B\"]]}\n"
      "  ],\n"
      "  \"professions\": \"professions.json\",\n"
      "  \"rights\": [\"direct.json\", \"reinforced.json\", \"own.json\",\n"
      "             \"more.json\"],\n"
      "  \"types\": \"types.json\",\n"
      "  \"matrices\": [\"old.json\", \"new.json\"],\n"
      "  \"labels\": \"labels.json\",\n"
      "  \"exclusions\": \"exclusions.json\",\n"
      "  \"feeders\": [\n"
      "    {\"name\": \"Caisse\", \"structure\": \"2180035024\","
      " \"source\": \"S\"}\n"
      "  ]\n"
      "}\n" },

    { "professions.json",
      "{\n"
      "  \"format\": \"dmp-professions/1\",\n"
      "  \"source\": \"S\",\n"
      "  \"professions\": [\n"
      "    {\"system\": \"G16\", \"code\": \"10\", \"name\": \"Interne\","
      " \"trains_for\": {\"system\": \"G15\", \"code\": \"10\"}},\n"
      "    {\"system\": \"G15\", \"code\": \"10\", \"name\": \"M\xc3\xa9"
      "decin\", \"kind\": \"doctor\", \"titles\": [\"M\xc3\xa9" "decin\","
      " \"Docteur\"]},\n"
      "    {\"system\": \"G15\", \"code\": \"60\", \"name\": \"Infirmier\","
      " \"kind\": \"health\"},\n"
      "    {\"system\": \"R94\", \"code\": \"60\", \"name\": \"Assistant\","
      " \"kind\": \"other\", \"titles\": [\"Assistant\"]}\n"
      "  ]\n"
      "}\n" },

    { "direct.json",
      "{\n"
      "  \"format\": \"dmp-rights/1\",\n"
      "  \"table\": \"direct\",\n"
      "  \"name\": \"T1\",\n"
      "  \"source\": \"S1\",\n"
      "  \"columns\": [\"MED_normal\", \"PS_normal\", \"ES_normal\"],\n"
      "  \"notes\": {\n"
      "    \"6\": \"own-documents\",\n"
      "    \"7\": \"imputed-to-structure\"\n"
      "  },\n"
      "  \"rows\": [\n"
      "    {\"right\": \"check\", \"row\": \"TD0.2 existence\","
      " \"cells\": [\"oui\", \"oui\", \"oui\"]},\n"
      "    {\"right\": \"search\", \"row\": \"TD3.1\","
      " \"cells\": [\"oui\", \"oui\", \"non\"]},\n"
      "    {\"right\": \"deposit\", \"row\": \"TD2.1\","
      " \"cells\": [\"oui\", \"non\", \"oui(7)\"]},\n"
      "    {\"right\": \"delete\", \"row\": \"TD3.3c\","
      " \"cells\": [\"oui(6)\", \"oui(6)\", \"non\"]}\n"
      "  ]\n"
      "}\n" },

    { "reinforced.json",
      "{\n"
      "  \"format\": \"dmp-rights/1\",\n"
      "  \"table\": \"reinforced\",\n"
      "  \"name\": \"T2\",\n"
      "  \"source\": \"S2\",\n"
      "  \"columns\": [\"PE_normal\"],\n"
      "  \"notes\": {},\n"
      "  \"rows\": [\n"
      "    {\"right\": \"check\", \"row\": \"TD0.2\", \"cells\": [\"oui\"]}\n"
      "  ]\n"
      "}\n" },

    { "own.json",
      "{\n"
      "  \"format\": \"dmp-rights/1\",\n"
      "  \"table\": \"own\",\n"
      "  \"name\": \"T3\",\n"
      "  \"source\": \"S3\",\n"
      "  \"columns\": [\"PATIENT\", \"OPERATOR\"],\n"
      "  \"notes\": {},\n"
      "  \"rows\": [\n"
      "    {\"right\": \"history\", \"row\": \"history\","
      " \"cells\": [\"oui\", \"non\"]},\n"
      "    {\"right\": \"reopen\", \"row\": \"reopen\","
      " \"cells\": [\"oui\", \"oui\"]}\n"
      "  ]\n"
      "}\n" },

    { "more.json",
      "{\n"
      "  \"format\": \"dmp-rights/1\",\n"
      "  \"table\": \"own\",\n"
      "  \"name\": \"T4\",\n"
      "  \"source\": \"S4\",\n"
      "  \"columns\": [\"MED_normal\"],\n"
      "  \"notes\": {\"1\": \"own-traces\"},\n"
      "  \"rows\": [\n"
      "    {\"right\": \"history\", \"row\": \"other\","
      " \"cells\": [\"oui(1)\"]}\n"
      "  ]\n"
      "}\n" },

    { "types.json",
      "{\n"
      "  \"format\": \"dmp-types/1\",\n"
      "  \"source\": \"S\",\n"
      "  \"systems\": [\n"
      "    {\"id\": \"loinc\", \"names\": [\"http://loinc.org\","
      " \"urn:oid:2.16.840.1.113883.6.1\"]},\n"
      "    {\"id\": \"a05\", \"names\": [\"urn:oid:1.2.250.1.213.1.1.4.12\"]}\n"
      "  ],\n"
      "  \"types\": [\n"
      "    {\"system\": \"loinc\", \"code\": \"11488-4\", \"class\": \"10\","
      " \"name\": \"CR\"},\n"
      "    {\"system\": \"loinc\", \"code\": \"57833-6\", \"class\": \"43\","
      " \"name\": \"Prescription\"},\n"
      "    {\"system\": \"a05\", \"code\": \"PSY\", \"class\": \"90\","
      " \"name\": \"Expression\", \"patient_deposits\": true}\n"
      "  ]\n"
      "}\n" },

    { "old.json",
      "{\n"
      "  \"format\": \"dmp-matrix/1\",\n"
      "  \"name\": \"Old\",\n"
      "  \"from\": \"2018-01-01\",\n"
      "  \"source\": \"S\",\n"
      "  \"rows\": [\n"
      "    {\"system\": \"G15\", \"code\": \"10\", \"default\": \"allow\","
      " \"unknown\": \"allow\", \"types\": [], \"source\": \"R\"}\n"
      "  ]\n"
      "}\n" },

    { "new.json",
      "{\n"
      "  \"format\": \"dmp-matrix/1\",\n"
      "  \"name\": \"New\",\n"
      "  \"from\": \"2023-10-29\",\n"
      "  \"source\": \"S\",\n"
      "  \"rows\": [\n"
      "    {\"system\": \"G15\", \"code\": \"10\", \"default\": \"allow\","
      " \"unknown\": \"deny\", \"types\": [\"PSY\"], \"source\": \"R1\"},\n"
      "    {\"system\": \"G15\", \"code\": \"60\", \"default\": \"deny\","
      " \"unknown\": \"deny\", \"types\": [\"57833-6\", \"PSY\"],"
      " \"source\": \"R2\", \"ours\": true}\n"
      "  ]\n"
      "}\n" },

    { "labels.json",
      "{\n"
      "  \"format\": \"dmp-labels/1\",\n"
      "  \"source\": \"S\",\n"
      "  \"systems\": [\"urn:oid:2.16.840.1.113883.5.25\", \"A08\"],\n"
      "  \"labels\": [\n"
      "    {\"code\": \"N\", \"hides_from\": []},\n"
      "    {\"code\": \"MASQUE_PS\", \"hides_from\": [\"professionals\"]},\n"
      "    {\"code\": \"BOTH\", \"hides_from\": [\"patient\","
      " \"representatives\"]}\n"
      "  ]\n"
      "}\n" },

    { "exclusions.json",
      "{\n"
      "  \"format\": \"dmp-exclusions/1\",\n"
      "  \"excluded\": [\n"
      "    {\"name\": \"assureur\", \"source\": \"S\","
      " \"sector\": {\"system\": \"R02\", \"code\": \"SA23\"},"
      " \"activity\": {\"system\": \"R22\", \"code\": \"A1\"}}\n"
      "  ],\n"
      "  \"occupational_doctors\": [\n"
      "    {\"name\": \"travail\", \"source\": \"S\","
      " \"profession\": {\"system\": \"G15\", \"code\": \"10\"},"
      " \"specialty\": {\"system\": \"R01\", \"code\": \"SM25\"}}\n"
      "  ]\n"
      "}\n" },
};

#define POLICY_TEXTS  (sizeof(policy_texts) / sizeof(policy_texts[0]))


/* A folder: the small policy, but for one text. */
typedef struct {
    const char  *changed;
    const char  *text;
    size_t       len;
    char        *copies[64];
    size_t       reads;
    char         order[512];             /* the names, in the order of reads */
} folder_t;


/* In a block of exactly its size, so that a byte read too far is seen. */
static dmp_rc_t
folder_read(void *data, const char *name, dmp_str_t *text, dmp_error_t *error)
{
    char        *copy;
    size_t       i, len;
    folder_t    *f;
    const char  *found;

    f = data;
    found = NULL;
    len = 0;

    if (f->changed != NULL && strcmp(f->changed, name) == 0) {
        found = f->text;
        len = f->len;
    }

    for (i = 0; found == NULL && i < POLICY_TEXTS; i++) {
        if (strcmp(policy_texts[i].name, name) == 0) {
            found = policy_texts[i].text;
            len = strlen(found);
        }
    }

    if (found == NULL) {
        (void) snprintf(error->text, sizeof(error->text), "no such file");
        return DMP_E_UNKNOWN;
    }

    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, found, len);

    assert_in_range(f->reads, 0, count(f->copies) - 1);
    f->copies[f->reads++] = copy;
    (void) snprintf(f->order + strlen(f->order),
                    sizeof(f->order) - strlen(f->order), "%s ", name);

    *text = (dmp_str_t) { copy, len };
    return DMP_OK;
}


/* Loads, and frees the texts: no string of the policy points into them. */
static dmp_rc_t
load(folder_t *f, dmp_policy_t **policy, dmp_error_t *error)
{
    dmp_rc_t             rc;
    dmp_policy_source_t  source;

    source.read = folder_read;
    source.data = f;

    *policy = (dmp_policy_t *) error;
    memset(error, 0xff, sizeof(*error));
    f->reads = 0;
    f->order[0] = '\0';

    rc = dmp_policy_load(&source, "policy.json", policy, error);

    while (f->reads > 0) {
        free(f->copies[--f->reads]);
    }

    assert_int_equal(rc == DMP_OK, *policy != NULL);
    assert_non_null(memchr(error->text, '\0', sizeof(error->text)));
    assert_non_null(memchr(error->file, '\0', sizeof(error->file)));
    assert_int_equal(rc == DMP_OK, error->text[0] == '\0');
    assert_int_equal(rc == DMP_OK, error->file[0] == '\0');

    return rc;
}


static dmp_rc_t
load_text(const char *name, const char *text, size_t len,
    dmp_policy_t **policy, dmp_error_t *error)
{
    folder_t  f;

    memset(&f, 0, sizeof(f));
    f.changed = name;
    f.text = text;
    f.len = len;

    return load(&f, policy, error);
}


static const char *
text_of(const char *name)
{
    size_t  i;

    for (i = 0; i < POLICY_TEXTS; i++) {
        if (strcmp(policy_texts[i].name, name) == 0) {
            return policy_texts[i].text;
        }
    }

    fail_msg("no text \"%s\"", name);
    return NULL;
}


/* The text with the first "from" in it replaced; to be freed. */
static char *
changed(const char *name, const char *from, const char *to)
{
    char        *out;
    size_t       len;
    const char  *text, *p;

    text = text_of(name);
    p = strstr(text, from);

    if (p == NULL) {
        fail_msg("%s has no \"%s\"", name, from);
        return NULL;
    }

    len = strlen(text) + strlen(to) + 1;
    out = malloc(len);
    assert_non_null(out);
    (void) snprintf(out, len, "%.*s%s%s", (int) (p - text), text, to,
                    p + strlen(from));

    return out;
}

#endif
