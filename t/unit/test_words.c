/*
 * test_words.c: what a request says in words: justification and traits from
 * its headers, decoded once, and the traits that "find" asks by.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "request_case.h"


#define JUSTIFICATION  "DMP-Justification"
#define FAMILY         "DMP-Patient-Family"
#define GIVEN          "DMP-Patient-Given"
#define BIRTHDATE      "DMP-Patient-Birthdate"
#define HUNDRED(s)     TEN(TEN(s))

#define ONE            DMP_MAPPING_ONE
#define AMBIGUOUS      DMP_MAPPING_AMBIGUOUS
#define TOO_LARGE      DMP_MAPPING_TOO_LARGE


static dmp_headers_t  headers;


static void
take(const char *name, const char *value)
{
    assert_int_equal(dmp_request_header(&headers, str(name), str(value)),
                     DMP_HEADER_STRIP);
}


/* In exactly the room that is asked for, so that a byte more is seen. */
static void
map_words(const char *target)
{
    char       *block;
    size_t      size;
    dmp_raw_t   raw;
    dmp_str_t  *text[4];
    unsigned    i;

    raw = request("GET", target);
    size = dmp_headers_words(&headers);
    size += (strstr(target, "birthdate=") != NULL) ? strlen(target) : 0;
    block = malloc(size + (size == 0));
    assert_non_null(block);
    raw.headers = &headers;
    raw.words = (size != 0) ? block : NULL;
    raw.words_size = size;
    map_raw(raw);

    text[0] = &out.justification;
    text[1] = &out.traits.family;
    text[2] = &out.traits.given;
    text[3] = &out.traits.birthdate;

    for (i = 0; i < count(text); i++) {
        if (text[i]->len != 0) {
            memcpy(words + 8192 * i, text[i]->data, text[i]->len);
            text[i]->data = words + 8192 * i;
        }
    }

    free(block);
}


typedef struct {
    const char     *value;
    const char     *text;                /* that it comes to */
    dmp_mapping_t   want;
} word_t;


/* In each mode, and none: what is malformed is that, wanted or not. */
static void
check(const char *name, const dmp_str_t *text, const word_t *table, size_t n)
{
    size_t  i;

    static const char *const  modes[] = { "normal", "bris-de-glace",
                                          "centre-15", NULL };

    for (i = 0; i < n * count(modes); i++) {
        memset(&headers, 0, sizeof(headers));

        if (modes[i % count(modes)] != NULL) {
            take("DMP-Access-Mode", modes[i % count(modes)]);
        }

        take(name, table[i / count(modes)].value);
        map_words(SEARCH);
        is_mapped(table[i / count(modes)].value, table[i / count(modes)].want);

        if (out.mapping != ONE) {
            assert_non_null(strstr(out.why, name));
            assert_int_equal(text->len, 0);

        } else if (!dmp_str_eq(*text, str(table[i / count(modes)].text))) {
            fail_msg("%s: %s: \"%.*s\"", name, table[i / count(modes)].value,
                     (int) text->len, text->data);
        }
    }
}


static void
test_justification(void **state)
{
    static const word_t  table[] = {
        /* what G3 judges: it can be read, whatever it says */
        { "", "", ONE },
        { "123456789", "123456789", ONE },
        { "          ", "          ", ONE },
        { "%20%20%20%20%20%20%20%20%20%20", "          ", ONE },
        { "%09%0A%0D%0D%0A", "\t\n\r\r\n", ONE },
        { "a\tb", "a\tb", ONE },
        { "%C2%A0%E2%80%8B", "\xc2\xa0\xe2\x80\x8b", ONE },

        { "Patient inconscient, accident", "Patient inconscient, accident",
          ONE },
        { "Personne%20inconsciente%20%C3%A0%20l%27arriv%C3%A9e",
          "Personne inconsciente \xc3\xa0 l'arriv\xc3\xa9""e", ONE },
        { "%e2%82%ac%F0%9F%9A%91", "\xe2\x82\xac\xf0\x9f\x9a\x91", ONE },

        /* nobody decodes it again: these are what they stand for */
        { "SpO2+80%25", "SpO2+80%", ONE },
        { "%2541", "%41", ONE },
        { "a+b%2Bc", "a+b+c", ONE },
        { "%22%5C%26;=?#/", "\"\\&;=?#/", ONE },
        { "%41%4a%4B", "AJK", ONE },

        /* escapes that are none */
        { "%", "", AMBIGUOUS },
        { "%4", "", AMBIGUOUS },
        { "%GZ", "", AMBIGUOUS },
        { "%4G", "", AMBIGUOUS },
        { "%G4", "", AMBIGUOUS },
        { "%%41", "", AMBIGUOUS },
        { "abc%", "", AMBIGUOUS },
        { "abc%2", "", AMBIGUOUS },
        { "% 41", "", AMBIGUOUS },
        { "%+1", "", AMBIGUOUS },
        { "%-1", "", AMBIGUOUS },
        { "%u0041", "", AMBIGUOUS },
        { "%0x41", "", AMBIGUOUS },

        /* control characters */
        { "%00", "", AMBIGUOUS },
        { "abcdefghij%00", "", AMBIGUOUS },
        { "%01", "", AMBIGUOUS },
        { "%08", "", AMBIGUOUS },
        { "%0B", "", AMBIGUOUS },
        { "%0C", "", AMBIGUOUS },
        { "%1B[31m", "", AMBIGUOUS },
        { "%1F", "", AMBIGUOUS },
        { "%7F", "", AMBIGUOUS },
        { "%C2%80", "", AMBIGUOUS },
        { "%C2%85", "", AMBIGUOUS },
        { "%C2%9F", "", AMBIGUOUS },
        { "a\x01", "", AMBIGUOUS },
        { "a\x7f", "", AMBIGUOUS },
        { "a\nb", "", AMBIGUOUS },
        { "a\rb", "", AMBIGUOUS },

        /* bytes that are not escaped: of which encoding nobody knows */
        { "arriv\xc3\xa9""e", "", AMBIGUOUS },
        { "arriv\xe9""e", "", AMBIGUOUS },

        /* not UTF-8: cut, alone, overlong, surrogates, beyond the last */
        { "%E9", "", AMBIGUOUS },
        { "%C3", "", AMBIGUOUS },
        { "%C3e", "", AMBIGUOUS },
        { "%A9", "", AMBIGUOUS },
        { "%E2%82", "", AMBIGUOUS },
        { "%F0%9F%9A", "", AMBIGUOUS },
        { "%C0%80", "", AMBIGUOUS },
        { "%C1%BF", "", AMBIGUOUS },
        { "%E0%80%80", "", AMBIGUOUS },
        { "%E0%9F%BF", "", AMBIGUOUS },
        { "%F0%80%80%80", "", AMBIGUOUS },
        { "%F0%8F%BF%BF", "", AMBIGUOUS },
        { "%ED%A0%80", "", AMBIGUOUS },
        { "%ED%BF%BF", "", AMBIGUOUS },
        { "%ED%A0%BD%ED%BA%91", "", AMBIGUOUS },
        { "%F4%90%80%80", "", AMBIGUOUS },
        { "%F5%80%80%80", "", AMBIGUOUS },
        { "%FE", "", AMBIGUOUS },
        { "%FF", "", AMBIGUOUS },
    };

    (void) state;
    check(JUSTIFICATION, &out.justification, table, count(table));
}


static void
test_limits(void **state)
{
    char      value[8192];
    size_t    i;
    unsigned  n;

    static const struct {
        const char  *character;          /* encoded */
        unsigned     fit;                /* so many, and not one more */
        const char  *header;
    } table[] = {
        { "x", 1000, JUSTIFICATION },
        { "%41", 1000, JUSTIFICATION },
        { "%09", 1000, JUSTIFICATION },
        { "%C3%A9", 682, JUSTIFICATION },        /* 4,092 bytes */
        { "%E2%82%AC", 455, JUSTIFICATION },     /* 4,095 */
        { "x", 200, FAMILY },
        { "%C3%A9", 200, FAMILY },
        { "%E2%82%AC", 200, FAMILY },
        { "%F0%9F%9A%91", 200, FAMILY },         /* 2,400 */
        { "x", 200, GIVEN },
        { "%C3%A9", 200, GIVEN },
        { "%F0%9F%9A%91", 200, GIVEN },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        value[0] = '\0';

        for (n = 0; n < table[i].fit; n++) {
            (void) strcat(value, table[i].character);
        }

        memset(&headers, 0, sizeof(headers));
        take(table[i].header, value);
        map_words(SEARCH);
        is_mapped(value, ONE);

        (void) strcat(value, table[i].character);
        memset(&headers, 0, sizeof(headers));
        take(table[i].header, value);
        map_words(SEARCH);
        is_mapped(value, TOO_LARGE);
        assert_non_null(strstr(out.why, table[i].header));
    }
}


/* So many characters of six, three and one byte when they are encoded. */
static void
map_mixed(unsigned six, unsigned three, unsigned one, dmp_mapping_t want)
{
    char      value[8192];
    unsigned  i;

    value[0] = '\0';

    for (i = 0; i < six + three + one; i++) {
        (void) strcat(value, (i < six) ? "%C3%A9"
                             : (i < six + three) ? "%41" : "x");
    }

    memset(&headers, 0, sizeof(headers));
    take(JUSTIFICATION, value);
    map_words(SEARCH);
    is_mapped(value, want);

    if (want == ONE) {
        assert_int_equal(out.justification.len, 2 * six + three + one);
    }
}


/* Characters are counted decoded, and bytes encoded. */
static void
test_both_limits(void **state)
{
    (void) state;
    map_mixed(618, 3, 379, ONE);                 /* 1,000 of 4,096 bytes */
    map_mixed(619, 1, 379, ONE);                 /* 999 of 4,096 */
    map_mixed(619, 0, 382, TOO_LARGE);           /* 1,001 of 4,096 */
    map_mixed(618, 4, 377, TOO_LARGE);           /* 999 of 4,097 */
    map_mixed(0, 0, 1001, TOO_LARGE);
}


static void
test_names(void **state)
{
    static const word_t  table[] = {
        /* one without a letter matches nothing: G4 says so */
        { "", "", ONE },
        { "-", "-", ONE },
        { "%20", " ", ONE },

        { "ZOE", "ZOE", ONE },
        { "Zo%C3%A9", "Zo\xc3\xa9", ONE },
        { "Zoe%CC%81", "Zoe\xcc\x81", ONE },
        { "D'Arc", "D'Arc", ONE },
        { "O%E2%80%99Neil", "O\xe2\x80\x99Neil", ONE },
        { "de%20la%20Tour", "de la Tour", ONE },
        { "de la Tour", "de la Tour", ONE },
        { "Jean-Pierre", "Jean-Pierre", ONE },
        { "Marie%20Anne%2C%20Louise", "Marie Anne, Louise", ONE },
        { "%C5%92il", "\xc5\x92il", ONE },
        { "A+B", "A+B", ONE },
        { "%2541", "%41", ONE },

        { "Zo\xc3\xa9", "", AMBIGUOUS },
        { "Zo\xe9", "", AMBIGUOUS },
        { "Zo%E9", "", AMBIGUOUS },
        { "Zo%C3", "", AMBIGUOUS },
        { "Zo%", "", AMBIGUOUS },
        { "Zo%C0%80", "", AMBIGUOUS },
        { "Zo%ED%A0%80", "", AMBIGUOUS },
        { "Zo%00", "", AMBIGUOUS },
        { "A%09B", "", AMBIGUOUS },
        { "A\tB", "", AMBIGUOUS },
        { "A%0AB", "", AMBIGUOUS },
        { "A%0DB", "", AMBIGUOUS },
        { "A%7F", "", AMBIGUOUS },
        { "A%C2%85", "", AMBIGUOUS },
    };

    (void) state;
    check(FAMILY, &out.traits.family, table, count(table));
    check(GIVEN, &out.traits.given, table, count(table));
}


static const word_t  birthdates[] = {
    { "1985-03-02", "1985-03-02", ONE },
    { "1985%2D03%2D02", "1985-03-02", ONE },
    { "%31%39%38%35%2D%30%33%2D%30%32", "1985-03-02", ONE },
    { "1984-02-29", "1984-02-29", ONE },
    { "2000-02-29", "2000-02-29", ONE },
    { "1899-12-31", "1899-12-31", ONE },

    { "1985-02-29", "", AMBIGUOUS },
    { "1900-02-29", "", AMBIGUOUS },
    { "1985-3-2", "", AMBIGUOUS },
    { "1985", "1985", ONE },
    { "1985-03", "1985-03", ONE },
    { "1985-03-00", "1985-03", ONE },
    { "1985-03%2D00", "1985-03", ONE },
    { "1985-00-00", "1985", ONE },
    { "1985-00", "1985", ONE },
    { "", "", AMBIGUOUS },
    { "0000", "", AMBIGUOUS },
    { "1985-13", "", AMBIGUOUS },
    { "1985-13-00", "", AMBIGUOUS },
    { "1985-3", "", AMBIGUOUS },
    { "198", "", AMBIGUOUS },
    { "19850", "", AMBIGUOUS },
    { "1985-00-02", "", AMBIGUOUS },
    { "1985-13-02", "", AMBIGUOUS },
    { "1985-03-32", "", AMBIGUOUS },
    { "1985-04-31", "", AMBIGUOUS },
    { "0000-01-01", "", AMBIGUOUS },
    { "1985-03-02%20", "", AMBIGUOUS },
    { "1985-03-02T00:00:00Z", "", AMBIGUOUS },
    { "1985-03-02x", "", AMBIGUOUS },
    { "19850302", "", AMBIGUOUS },
    { "1985/03/02", "", AMBIGUOUS },
    { "02-03-1985", "", AMBIGUOUS },
    { "+985-03-02", "", AMBIGUOUS },
    { "1985-03-0%", "", AMBIGUOUS },
    { "1985-03-0%00", "", AMBIGUOUS },
    { "1985-03-0%C2%B2", "", AMBIGUOUS },
    { HUNDRED("0"), "", AMBIGUOUS },
};


static void
test_birthdates(void **state)
{
    (void) state;
    check(BIRTHDATE, &out.traits.birthdate, birthdates, count(birthdates));
}


/* All of them, on each transaction; and a refusal without any of them. */
static void
test_together(void **state)
{
    size_t  i;

    static const char *const  targets[] = {
        CHECK, SEARCH, LIST, READ, BINARY, BUNDLE, METADATA
    };

    (void) state;

    for (i = 0; i < count(targets); i++) {
        memset(&headers, 0, sizeof(headers));
        take("DMP-Access-Mode", "bris-de-glace");
        take(JUSTIFICATION, "arr%C3%AAt+cardiaque");
        take(FAMILY, "Lef%C3%A8vre");
        take(GIVEN, "Anne%20Marie");
        take(BIRTHDATE, "1969-05-12");
        map_words(targets[i]);
        is_mapped(targets[i], ONE);
        assert_int_equal(out.mode, DMP_MODE_BRIS_DE_GLACE);
        assert_true(dmp_str_eq(out.justification,
                               str("arr\xc3\xaat+cardiaque")));
        assert_true(dmp_str_eq(out.traits.family, str("Lef\xc3\xa8vre")));
        assert_true(dmp_str_eq(out.traits.given, str("Anne Marie")));
        assert_true(dmp_str_eq(out.traits.birthdate, str("1969-05-12")));

        memset(&headers, 0, sizeof(headers));
        map_words(targets[i]);
        is_mapped(targets[i], ONE);
        assert_int_equal(out.justification.len + out.traits.family.len
                         + out.traits.given.len + out.traits.birthdate.len, 0);

        /* given twice: which of the two nobody knows */

        take(GIVEN, "Anne");
        take(GIVEN, "Anne");
        map_words(targets[i]);
        is_mapped(targets[i], AMBIGUOUS);
    }
}


/* What is missing is not read past; what is long is not asked for. */
static void
test_room(void **state)
{
    char       value[8192];
    size_t     size;
    dmp_raw_t  raw;

    (void) state;
    memset(&headers, 0, sizeof(headers));
    assert_int_equal(dmp_headers_words(&headers), 0);
    take(JUSTIFICATION, "a%20b");
    take(FAMILY, "cd");
    take(BIRTHDATE, "1969-05-12");
    size = dmp_headers_words(&headers);
    assert_int_equal(size, 17);
    raw = request("GET", SEARCH);
    raw.headers = &headers;

    for (raw.words_size = 0; raw.words_size <= size; raw.words_size++) {
        raw.words = malloc(raw.words_size + (raw.words_size == 0));
        assert_non_null(raw.words);
        map_raw(raw);
        is_mapped("a small room", (raw.words_size >= 15) ? ONE : AMBIGUOUS);

        if (raw.words_size < 15) {
            assert_non_null(strstr(out.why, "room"));
        }

        free(raw.words);
    }

    raw.words = NULL;
    raw.words_size = size;
    map_raw(raw);
    is_mapped("no room", AMBIGUOUS);

    /* what is empty needs none */

    memset(&headers, 0, sizeof(headers));
    take(JUSTIFICATION, "");
    map_raw(raw);
    is_mapped("no room for nothing", ONE);

    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    take(FAMILY, value);
    take(GIVEN, value);
    take(BIRTHDATE, value);
    assert_int_equal(dmp_headers_words(&headers), 0);
}


static void
test_own_mode(void **state)
{
    dmp_mode_t    own;
    unsigned      i;
    dmp_raw_t     raw;

    static const struct {
        const char  *claimed;
        dmp_mode_t   mode;
    } table[] = {
        { "normal", DMP_MODE_NORMAL },
        { "bris-de-glace", DMP_MODE_BRIS_DE_GLACE },
        { "centre-15", DMP_MODE_CENTRE_15 },
    };

    (void) state;

    for (own = DMP_MODE_NONE; own < DMP_MODE_MAX; own++) {
        memset(&headers, 0, sizeof(headers));
        raw = request("GET", SEARCH);
        raw.headers = &headers;
        raw.own_mode = own;
        map_raw(raw);
        is_mapped("none claimed", ONE);
        assert_int_equal(out.mode, (own != DMP_MODE_NONE) ? own
                                                          : DMP_MODE_NORMAL);

        /* it is the mode of what is refused, too */

        headers.ambiguous = true;
        headers.why = "a reason";
        map_raw(raw);
        is_mapped("ambiguous", AMBIGUOUS);
        assert_int_equal(out.mode, (own != DMP_MODE_NONE) ? own
                                                          : DMP_MODE_NORMAL);

        for (i = 0; i < count(table); i++) {
            memset(&headers, 0, sizeof(headers));
            take("DMP-Access-Mode", table[i].claimed);
            map_raw(raw);
            is_mapped(table[i].claimed, ONE);
            assert_int_equal(out.mode, table[i].mode);
        }
    }
}


static void
test_find(void **state)
{
    size_t  i;

    static const struct {
        const char  *target;
        const char  *family;
        const char  *given;
    } table[] = {
        { FIND, "Lefebvre", "Anne" },
        { "/fhir/Patient?birthdate=1969-05-12&given=Anne&family=Lefebvre",
          "Lefebvre", "Anne" },
        { FIND "&_format=json&_pretty=true", "Lefebvre", "Anne" },
        { "/fhir/Patient?%66amily=D'Arc&given=Zo%C3%A9&birthdate="
          "1969%2D05%2D12", "D'Arc", "Zo\xc3\xa9" },
        { "/fhir/Patient?family=de%20la%20Tour&given=Marie%20Anne,Louise"
          "&birthdate=1969-05-12", "de la Tour", "Marie Anne,Louise" },
        { "/fhir/Patient?family=%3D%26&given=a=b&birthdate=1969-05-12",
          "=&", "a=b" },
    };

    (void) state;
    memset(&headers, 0, sizeof(headers));

    for (i = 0; i < count(table); i++) {
        map_words(table[i].target);
        is_mapped(table[i].target, ONE);
        assert_int_equal(out.operation, DMP_OPERATION_FIND);
        assert_int_equal(out.resource, DMP_RESOURCE_PATIENT);
        assert_string_equal(out.route, "Patient?family=&given=&birthdate=");
        assert_true(dmp_str_eq(out.traits.family, str(table[i].family)));
        assert_true(dmp_str_eq(out.traits.given, str(table[i].given)));
        assert_true(dmp_str_eq(out.traits.birthdate, str("1969-05-12")));
        assert_int_equal(out.ins.len + out.ins_system.len + out.document.len
                         + out.attachment.len + out.forward.len, 0);
    }

    map("HEAD", FIND);
    is_mapped("HEAD", ONE);
    map("POST", FIND);
    is_mapped("POST", DMP_MAPPING_OPERATION_UNKNOWN);
}


static void
test_find_refused(void **state)
{
    static const char *const  ambiguous[] = {
        /* one missing, empty, or given twice */
        "/fhir/Patient", "/fhir/Patient?family=a",
        "/fhir/Patient?given=a&birthdate=1969-05-12",
        "/fhir/Patient?family=a&birthdate=1969-05-12",
        "/fhir/Patient?family=a&given=b",
        "/fhir/Patient?family=&given=b&birthdate=1969-05-12",
        "/fhir/Patient?family=a&given=&birthdate=1969-05-12",
        "/fhir/Patient?family=a&given=b&birthdate=",
        FIND "&family=Lefebvre", FIND "&given=Anne", FIND "&%67iven=Anne",
        FIND "&birthdate=1969-05-12",

        /* and by the INS */
        FIND "&identifier=" SYSTEM "|" INS, CHECK "&" TRAITS,
        CHECK "&family=a", CHECK "&given=a", CHECK "&birthdate=1969-05-12",

        /* what hosts search by and we do not */
        FIND "&gender=female", FIND "&name=x", FIND "&_count=1",
        FIND "&_sort=family", FIND "&_page=x", FIND "&family:exact=x",
        FIND "&family:contains=x", FIND "&active=true", FIND "&",
        "/fhir/Patient?family:exact=a&given=b&birthdate=1969-05-12",
        "/fhir/Patient?Family=a&given=b&birthdate=1969-05-12",
        SEARCH "&family=a", LIST "&given=a", READ "?birthdate=1969-05-12",

        /* names that can be read in two ways */
        "/fhir/Patient?family=de+la+Tour&given=b&birthdate=1969-05-12",
        "/fhir/Patient?family=a&given=b%2Bc&birthdate=1969-05-12",
        "/fhir/Patient?family=a%2520&given=b&birthdate=1969-05-12",
        "/fhir/Patient?family=a%25&given=b&birthdate=1969-05-12",
        "/fhir/Patient?family=a%09&given=b&birthdate=1969-05-12",
        "/fhir/Patient?family=a%00&given=b&birthdate=1969-05-12",
        "/fhir/Patient?family=a%C2%85&given=b&birthdate=1969-05-12",
        "/fhir/Patient?family=a&given=b%E9&birthdate=1969-05-12",
        "/fhir/Patient?family=a&given=b%C0%80&birthdate=1969-05-12",
        "/fhir/Patient?family=a&given=b%ED%A0%80&birthdate=1969-05-12",
        "/fhir/Patient?family=a&given=b%&birthdate=1969-05-12",
        "/fhir/Patient?family=a&given=b%4&birthdate=1969-05-12",

        "/fhir/Patient?family=a&given=b&birthdate=ge1969-05-12",
        "/fhir/Patient?family=a&given=b&birthdate=1969-05-12,1970-01-01",
        "/fhir/Patient?family=a&given=b&birthdate=1969-05-12+",
    };

    (void) state;
    all_are(ambiguous, count(ambiguous), AMBIGUOUS);
}


static void
test_find_limits(void **state)
{
    char       target[8192];
    size_t     i;
    dmp_raw_t  raw;

    static const char  hundred[] = HUNDRED("%C3%A9");

    (void) state;
    memset(&headers, 0, sizeof(headers));

    for (i = 0; i < 4; i++) {
        (void) snprintf(target, sizeof(target), "/fhir/Patient?family=%s%s%s"
                        "&given=%s%s%s&birthdate=1969-05-12", hundred, hundred,
                        (i & 1) ? "x" : "", hundred, hundred,
                        (i & 2) ? "x" : "");
        map_words(target);
        is_mapped(target, (i == 0) ? ONE : TOO_LARGE);
    }

    /* the dates that headers have, a query has */

    for (i = 0; i < count(birthdates); i++) {
        (void) snprintf(target, sizeof(target), "/fhir/Patient?family=a&"
                        "given=b&birthdate=%s", birthdates[i].value);
        map_words(target);
        is_mapped(target, birthdates[i].want);
    }

    raw = request("GET", FIND);

    for (raw.words_size = 0; raw.words_size <= 22; raw.words_size++) {
        raw.words = malloc(raw.words_size + (raw.words_size == 0));
        assert_non_null(raw.words);
        map_raw(raw);
        is_mapped("a small room", (raw.words_size == 22) ? ONE : AMBIGUOUS);
        free(raw.words);
    }

    raw.words = NULL;
    map_raw(raw);
    is_mapped("no room", AMBIGUOUS);
}


/* Two words on who it is: neither is believed. */
static void
test_find_headers(void **state)
{
    size_t  i;

    static const char *const  names[] = { FAMILY, GIVEN, BIRTHDATE };

    (void) state;

    for (i = 0; i < count(names); i++) {
        memset(&headers, 0, sizeof(headers));
        take(names[i], "1969-05-12");
        map_words(FIND);
        is_mapped(names[i], AMBIGUOUS);
        map_words(CHECK);
        is_mapped(names[i], ONE);

        if (i < 2) {
            memset(&headers, 0, sizeof(headers));
            take(names[i], "");
            map_words(FIND);
            is_mapped(names[i], AMBIGUOUS);
        }
    }

    /* a justification says nothing on that */

    memset(&headers, 0, sizeof(headers));
    take(JUSTIFICATION, "a%20reason");
    map_words(FIND);
    is_mapped("justified", ONE);
    assert_true(dmp_str_eq(out.justification, str("a reason")));
    assert_true(dmp_str_eq(out.traits.family, str("Lefebvre")));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_justification),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_both_limits),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_birthdates),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_own_mode),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_refused),
        cmocka_unit_test(test_find_limits),
        cmocka_unit_test(test_find_headers),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
