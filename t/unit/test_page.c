/*
 * test_page.c: a host's link, sealed: it opens to what it was, at its own host
 * and nowhere else, and not at all once a byte of it has changed.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "request_case.h"


#define KEY_A  "000102030405060708090a0b0c0d0e0f" \
               "101112131415161718191a1b1c1d1e1f"
#define KEY_B  "ffeeddccbbaa99887766554433221100" \
               "ffeeddccbbaa99887766554433221100"

#define HOST   dmp_string("records")
#define DOC    DMP_RESOURCE_DOCUMENT_REFERENCE


static dmp_keyring_t  keys;
static char           text[DMP_PAGE_TOKEN_MAX + 1];


static int
setup(void **state)
{
    (void) state;
    memset(&keys, 0, sizeof(keys));

    return dmp_keyring_add(&keys, str(KEY_A)) == DMP_OK ? 0 : -1;
}


static dmp_page_t
page_of(const char *target)
{
    return (dmp_page_t) { DMP_OPERATION_SEARCH, DOC, dmp_string(SYSTEM),
                          dmp_string(INS), str(target) };
}


/* Into "text"; its length. */
static size_t
write_page(const dmp_page_t *page)
{
    dmp_buf_t  b;

    dmp_buf_init(&b, text, DMP_PAGE_TOKEN_MAX);
    assert_int_equal(dmp_page_write(&keys, HOST, page, &b), DMP_OK);
    assert_false(b.full);
    text[b.len] = '\0';

    return b.len;
}


static bool
is_empty(const dmp_page_t *page)
{
    static const dmp_page_t  none;

    return memcmp(page, &none, sizeof(none)) == 0;
}


static dmp_rc_t
read_page(const dmp_keyring_t *ring, dmp_str_t host, dmp_str_t token,
    dmp_page_t *page)
{
    char      *copy;
    dmp_rc_t   rc;

    copy = exact(token);
    memset(page, 0xff, sizeof(*page));
    rc = dmp_page_read(ring, host, (dmp_str_t) { copy, token.len }, room,
                       sizeof(room), page);
    free(copy);

    if (rc != DMP_OK) {
        assert_true(is_empty(page));
    }

    return rc;
}


static void
test_opens(void **state)
{
    size_t      i;
    dmp_page_t  page, read;

    static const struct {
        dmp_operation_t  operation;
        dmp_resource_t   resource;
        const char      *system;
        const char      *ins;
        const char      *target;
    } table[] = {
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "?_getpages=a&_offset=20" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS,
          "DocumentReference?" PATIENT "&_cursor=a%2Bb==" },
        { DMP_OPERATION_REFERENCE, DOC, "urn:oid:1.2.250.1.213.1.4.11", INS,
          "DocumentReference/_search?page=2" },
        { DMP_OPERATION_SEARCH, DMP_RESOURCE_LIST,
          "urn:oid:1.2.250.1.213.1.4.10", "1", "List?x" },
        { DMP_OPERATION_SEARCH, DMP_RESOURCE_LIST, SYSTEM,
          "12345678901234567890123456789012", "List/_search?x=%25" },
        { DMP_OPERATION_SEARCH, DMP_RESOURCE_LIST, SYSTEM, INS, "?_getpages=a"
          "|b,'\"<>{}[]^`" },
        { DMP_OPERATION_REFERENCE, DOC, SYSTEM, INS, "?a;b" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "?;" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "DocumentReference?a=b;c;" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "DocumentReference/?x=y" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS,
          "DocumentReference/_search/?x=y" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS,
          "DocumentReference/__page/xyz" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS,
          "DocumentReference/__page/xyz?q" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS,
          "DocumentReference/_x/b/c-d/e.f/g~h/i/k" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "_page?id=1" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "_page/?id=1" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "_page/1" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "__page" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "_search?_getpages=1" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "_/1/2/3/4/5/6/7?x" },
        { DMP_OPERATION_SEARCH, DOC, SYSTEM, INS, "_page/_historyx/_searchx" },
        { DMP_OPERATION_SEARCH, DMP_RESOURCE_LIST, SYSTEM, INS,
          "List/_page/1?_count=2" },
        { DMP_OPERATION_SEARCH, DMP_RESOURCE_LIST, SYSTEM, INS, "List/?x" },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        page = (dmp_page_t) { table[i].operation, table[i].resource,
                              str(table[i].system), str(table[i].ins),
                              str(table[i].target) };
        (void) write_page(&page);

        /* a client learns nothing from it */

        assert_null(strstr(text, INS));
        assert_null(strstr(text, "?"));

        assert_int_equal(read_page(&keys, HOST, str(text), &read), DMP_OK);
        assert_int_equal(read.operation, page.operation);
        assert_int_equal(read.resource, page.resource);
        assert_true(dmp_str_eq(read.ins_system, page.ins_system));
        assert_true(dmp_str_eq(read.ins, page.ins));
        assert_true(dmp_str_eq(read.target, page.target));
        assert_true(read.target.data >= room
                    && read.target.data < room + sizeof(room));
    }
}


static void
test_bound(void **state)
{
    char           c;
    size_t         i, n;
    unsigned       change;
    dmp_page_t     page, read;
    dmp_keyring_t  other, both;

    (void) state;
    page = page_of("?_getpages=a");
    n = write_page(&page);

    memset(&other, 0, sizeof(other));
    assert_int_equal(read_page(&other, HOST, str(text), &read),
                     DMP_E_REFUSED);
    assert_int_equal(dmp_keyring_add(&other, str(KEY_B)), DMP_OK);
    assert_int_equal(read_page(&other, HOST, str(text), &read),
                     DMP_E_REFUSED);
    both = other;
    assert_int_equal(dmp_keyring_add(&both, str(KEY_A)), DMP_OK);
    assert_int_equal(read_page(&both, HOST, str(text), &read), DMP_OK);

    assert_int_equal(read_page(&keys, dmp_string("record"), str(text), &read),
                     DMP_E_REFUSED);
    assert_int_equal(read_page(&keys, dmp_null_string, str(text), &read),
                     DMP_E_REFUSED);

    /* any byte, to any other that it could be, and any length */

    for (i = 0; i < n; i++) {
        c = text[i];

        for (change = 1; change < 256; change++) {
            text[i] = (char) ((unsigned char) c ^ change);
            assert_int_not_equal(read_page(&keys, HOST,
                                           (dmp_str_t) { text, n }, &read),
                                 DMP_OK);
        }

        text[i] = c;
        assert_int_not_equal(read_page(&keys, HOST, (dmp_str_t) { text, i },
                                       &read), DMP_OK);
        assert_int_not_equal(read_page(&keys, HOST,
                                       (dmp_str_t) { text + i + 1, n - i - 1 },
                                       &read), DMP_OK);
    }

    assert_int_equal(read_page(&keys, HOST, str(text), &read), DMP_OK);

    /* two of the same are not the same text: they cannot be compared */

    (void) memcpy(room, text, n + 1);
    assert_int_equal(write_page(&page), n);
    assert_memory_not_equal(room, text, n);
}


static void
test_refused(void **state)
{
    char        data[64];
    size_t      i;
    dmp_buf_t   b;
    dmp_page_t  page;

    static const char *const  targets[] = {
        "", "?", "DocumentReference", "DocumentReference?",
        "DocumentReference/_search?", "DocumentReference/d1",
        "DocumentReference/d1?x=y", "List?x=y", "List/_search?x=y",
        "Patient?x=y", "Binary?x=y", "/?x=y", "/DocumentReference?x=y",
        "//host/?x=y", "http://host/?x=y", "..?x=y", "../?x=y",
        "DocumentReference/../Patient?x=y",
        "DocumentReference//_search?x=y", "DocumentReference/_history?x=y",
        "documentreference?x=y", "DocumentReferencex?x=y",
        "x?DocumentReference",
        "?a?b", "?a#b", "?a\\b", "?a b", "?a\nb", "?a\r\nX: y",
        "?a\x7f", "?\xc3\xa9", "?a\t", "DocumentReference?a b",
        "DocumentReference%3Fx=y", "&x=y", "x=y",

        /* everything, one, its versions, an operation */
        "/", "//", "DocumentReference/", "DocumentReference/?",
        "DocumentReference//", "DocumentReference//?x=y",
        "DocumentReference/_search", "DocumentReference/_search/", "_search",
        "_SEARCH", "_page/_search", "DocumentReference/d1/",
        "DocumentReference/d1/?x=y", "DocumentReference/d1/_page/2",
        "DocumentReference/d1/_history/1?x=y", "DocumentReference/_history",
        "_history?x=y", "_History?x=y", "_page/_history?x=y",
        "DocumentReference/_page/_HISTORY/1", "DocumentReference/$docref?x=y",
        "DocumentReference/_page/$docref?x=y", "$page?x=y", "_page$?x=y",
        "Patient/_page/1", "Patient/_page?x=y", "Binary/_page?x=y",
        "List/_page/1", "List/?x=y", "page?x=y", "d1/_page?x=y",

        /* paths that are not plain, and queries that are not */
        "_page/?", "_page?", "_page/", "_page/1/", "_page//1", "_page//?x=y",
        "_page/..?x=y", "_page/./1", "_page/../Patient?x=y", "_page/.x",
        "_page/%2e%2e/Patient?x=y", "_page/%31", "_page;x=1?x=y", "_page\\1",
        "_page/a b", "_page/a:b", "_page/a,b", "_page/a=b", "_page/a+b",
        "_page/a@b", "_page/\xc3\xa9", "_page/\x01", "_page#1", "_page&x=y",
        "_page?a#b", "_page?a?b", "_page?a;b?c", "?a;b c", "?;\\", "?a;\n",
        "/_page?x=y", "//_page?x=y", "http://host/_page?x=y", "http:?x=y",
        "_1/2/3/4/5/6/7/8/9", "DocumentReference/_2/3/4/5/6/7/8/9?x=y",
    };

    (void) state;

    for (i = 0; i < count(targets); i++) {
        page = page_of(targets[i]);
        dmp_buf_init(&b, data, sizeof(data));

        if (dmp_page_write(&keys, HOST, &page, &b) != DMP_E_UNKNOWN) {
            fail_msg("%s is written", targets[i]);
        }

        assert_int_equal(b.len, 0);
    }
}


static void
refuse(dmp_page_t page)
{
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    assert_int_equal(dmp_page_write(&keys, HOST, &page, &b), DMP_E_UNKNOWN);
    assert_int_equal(b.len, 0);
}


static void
test_what_it_is_of(void **state)
{
    int         i;
    dmp_page_t  page;

    (void) state;

    for (i = 0; i < DMP_OPERATION_MAX; i++) {
        page = page_of("?x=y");
        page.operation = (dmp_operation_t) i;

        if (i == DMP_OPERATION_SEARCH || i == DMP_OPERATION_REFERENCE) {
            (void) write_page(&page);

        } else {
            refuse(page);
        }
    }

    for (i = 0; i < DMP_RESOURCE_MAX; i++) {
        page = page_of("?x=y");
        page.resource = (dmp_resource_t) i;

        if (i == DMP_RESOURCE_DOCUMENT_REFERENCE || i == DMP_RESOURCE_LIST) {
            (void) write_page(&page);

        } else {
            refuse(page);
        }
    }

    page = page_of("?x=y");
    page.resource = DMP_RESOURCE_LIST;
    page.operation = DMP_OPERATION_REFERENCE;
    refuse(page);

    page = page_of("DocumentReference?x=y");
    page.resource = DMP_RESOURCE_LIST;
    refuse(page);

    page = page_of("?x=y");
    page.ins = dmp_null_string;
    refuse(page);
    page.ins = dmp_string("123456789012345678901234567890123");
    refuse(page);

    page = page_of("?x=y");
    page.ins_system = dmp_null_string;
    refuse(page);
    page.ins_system = dmp_string("urn:oid:1.2.3");
    refuse(page);
}


/* The longest fits into what it is written to, and what it is read into. */
static void
test_longest(void **state)
{
    char        target[DMP_PAGE_MAX + 1];
    size_t      n;
    dmp_buf_t   b;
    dmp_page_t  page, read;

    (void) state;
    n = DMP_PAGE_MAX - 5 - strlen(SYSTEM) - strlen(INS);
    memset(target, 'a', sizeof(target));
    target[0] = '?';
    target[n] = '\0';
    page = page_of(target);
    assert_in_range(write_page(&page), 1, DMP_PAGE_TOKEN_MAX);
    assert_int_equal(read_page(&keys, HOST, str(text), &read), DMP_OK);
    assert_true(dmp_str_eq(read.target, page.target));

    assert_int_equal(dmp_page_read(&keys, HOST, str(text), room,
                                   DMP_PAGE_MAX - 1, &read), DMP_E_LIMIT);
    assert_true(is_empty(&read));

    target[n] = 'a';
    target[n + 1] = '\0';
    page = page_of(target);
    dmp_buf_init(&b, text, sizeof(text));
    assert_int_equal(dmp_page_write(&keys, HOST, &page, &b), DMP_E_LIMIT);
    assert_int_equal(b.len, 0);

    /* 5,506 characters hold as much as the longest, sealed */

    memset(text, 'A', sizeof(text));
    assert_int_equal(read_page(&keys, HOST, (dmp_str_t) { text, 5506 },
                               &read), DMP_E_REFUSED);

    for (n = 5507; n <= sizeof(text); n++) {
        assert_int_equal(read_page(&keys, HOST, (dmp_str_t) { text, n },
                                   &read),
                         DMP_E_LIMIT);
    }
}


/* Into every size: whole, or not a byte of it. */
static void
test_sizes(void **state)
{
    char        *data;
    size_t       i, size, whole;
    dmp_buf_t    b;
    dmp_page_t   page;

    static const char *const  targets[] = { "?x=y", "?x=yz", "?x=yza" };

    (void) state;

    for (i = 0; i < count(targets); i++) {
        page = page_of(targets[i]);
        whole = write_page(&page);

        for (size = 0; size < whole + 2; size++) {
            data = malloc(size + 3);
            assert_non_null(data);
            dmp_buf_init(&b, data, size + 3);
            dmp_buf_text(&b, "abc");
            assert_int_equal(dmp_page_write(&keys, HOST, &page, &b),
                             (size < whole) ? DMP_E_LIMIT : DMP_OK);
            assert_int_equal(b.len, (size < whole) ? 3 : 3 + whole);
            free(data);
        }
    }
}


/* What is sealed in the same way, and is no page: other makers, other times. */
static void
test_contents(void **state)
{
    char        sealed[256], *small;
    size_t      i, len;
    dmp_buf_t   b;
    dmp_page_t  read;

    static const struct {
        const char  *text;
        size_t       len;
        bool         good;
    } table[] = {
        { "\x01sd\x1b\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, true },
        { "\x01rd\x1b\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, true },
        { "\x01sl\x1b\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, true },
        { "\x01rl\x1b\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, false },
        { "\x02sd\x1b\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, false },
        { "\x00sd\x1b\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, false },
        { "\x01xd\x1b\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, false },
        { "\x01sx\x1b\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, false },
        { "\x01sd\x1b\x01" SYSTEM "1?x", 5 + 27 + 1 + 1, false },
        { "\x01sd\x1b\x01" SYSTEM "1?x", 5 + 27 + 1, false },
        { "\x01sd\x1b\x01" SYSTEM "1?x", 5 + 27, false },
        { "\x01sd\x1b\x01" SYSTEM "1?x", 5, false },
        { "\x01sd\x1b\x01" SYSTEM "1?x", 4, false },
        { "", 0, false },
        { "\x01sd\x1a\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, false },
        { "\x01sd\x1c\x01" SYSTEM "1?x", 5 + 27 + 1 + 2, false },
        { "\x01sd\xff\xff" SYSTEM "1?x", 5 + 27 + 1 + 2, false },
        { "\x01sd\x1b\x00" SYSTEM "?xx", 5 + 27 + 1 + 2, false },
        { "\x01sd\x1b\x01" SYSTEM "1?\n", 5 + 27 + 1 + 2, false },
        { "\x01sd\x1b\x01" SYSTEM "1ab", 5 + 27 + 1 + 2, false },
        { "\x01sd\x1b\x01" SYSTEM "1_a", 5 + 27 + 1 + 2, true },
        { "\x01sd\x1b\x01" SYSTEM "1?;", 5 + 27 + 1 + 2, true },
        { "\x01sd\x1b\x01" SYSTEM "1a/", 5 + 27 + 1 + 2, false },
        { "{\"target\":\"?x=y\"}", 17, false },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        assert_int_equal(dmp_seal(&keys, dmp_string("dmp-page"), HOST, 1,
                                  table[i].text, table[i].len, sealed, &len),
                         DMP_OK);
        dmp_buf_init(&b, text, sizeof(text));
        dmp_buf_base64url(&b, (const unsigned char *) sealed, len);

        small = malloc(table[i].len + (table[i].len == 0));
        assert_non_null(small);

        if (dmp_page_read(&keys, HOST, (dmp_str_t) { b.data, b.len }, small,
                          table[i].len, &read)
            != (table[i].good ? DMP_OK : DMP_E_SYNTAX))
        {
            fail_msg("contents %u", (unsigned) i);
        }

        assert_int_equal(is_empty(&read), !table[i].good);
        free(small);
    }

    /* a page's text, sealed for something else */

    assert_int_equal(dmp_seal(&keys, dmp_string("dmp-pages"), HOST, 1,
                              table[0].text, table[0].len, sealed, &len),
                     DMP_OK);
    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_base64url(&b, (const unsigned char *) sealed, len);
    assert_int_equal(read_page(&keys, HOST, (dmp_str_t) { b.data, b.len },
                               &read), DMP_E_REFUSED);
}


static dmp_raw_t
ask(const char *method, const char *format)
{
    dmp_raw_t  raw;

    static char  target[DMP_TARGET_MAX];

    (void) snprintf(target, sizeof(target), format, text);
    raw = request(method, target);
    raw.keys = &keys;
    raw.host = HOST;

    return raw;
}


static void
test_mapped(void **state)
{
    size_t      i;
    dmp_page_t  page;

    static const char *const  alone[] = {
        "/fhir/DocumentReference?_page=%s",
        "/fhir/DocumentReference?%%5fpage=%s",
        "/fhir/DocumentReference?_page=%s&_format=json",
        "/fhir/DocumentReference?_pretty=true&_page=%s",
    };

    (void) state;
    page = page_of("?_getpages=a&_offset=20");
    page.operation = DMP_OPERATION_REFERENCE;
    (void) write_page(&page);

    for (i = 0; i < 2 * count(alone); i++) {
        map_raw(ask(i % 2 == 0 ? "GET" : "HEAD", alone[i / 2]));
        is_mapped(alone[i / 2], DMP_MAPPING_ONE);
        assert_int_equal(out.operation, DMP_OPERATION_REFERENCE);
        assert_int_equal(out.resource, DOC);
        assert_true(dmp_str_eq(out.ins, str(INS)));
        assert_true(dmp_str_eq(out.ins_system, str(SYSTEM)));
        assert_true(dmp_str_eq(out.forward, page.target));
        assert_string_equal(out.route, "DocumentReference?_page=");
    }

    page.operation = DMP_OPERATION_SEARCH;
    page.resource = DMP_RESOURCE_LIST;
    page.target = str("List?page=2");
    (void) write_page(&page);
    map_raw(ask("GET", "/fhir/List?_page=%s"));
    is_mapped("a list", DMP_MAPPING_ONE);
    assert_int_equal(out.operation, DMP_OPERATION_SEARCH);
    assert_int_equal(out.resource, DMP_RESOURCE_LIST);
    assert_true(dmp_str_eq(out.forward, page.target));
    assert_string_equal(out.route, "List?_page=");

    map_raw(ask("GET", "/fhir/DocumentReference?_page=%s"));
    is_mapped("a list's page of documents", DMP_MAPPING_AMBIGUOUS);
}


static void
test_mapped_refused(void **state)
{
    char        c;
    size_t      i;
    dmp_raw_t   raw;
    dmp_page_t  page;

    static const char *const  beside[] = {
        "/fhir/DocumentReference?_page=%s&" PATIENT,
        "/fhir/DocumentReference?" PATIENT "&_page=%s",
        "/fhir/DocumentReference?_page=%s&status=current",
        "/fhir/DocumentReference?_page=%s&identifier=a",
        "/fhir/DocumentReference?_page=%s&_count=10",
        "/fhir/DocumentReference?_page=%s&_sort=date",
        "/fhir/DocumentReference?_page=%s&x=y",
        "/fhir/DocumentReference?_page=%s&_page=x",
        "/fhir/DocumentReference?_page=x&_page=%s",
        "/fhir/DocumentReference?_page=%sA",
        "/fhir/DocumentReference?_page=%s=",
        "/fhir/DocumentReference?_page=%%41%s",
        "/fhir/DocumentReference?_page=",
        "/fhir/DocumentReference/d1?_page=%s", "/fhir/Binary/b1?_page=%s",
        "/fhir/Patient?_page=%s", "/fhir/metadata?_page=%s",
        "/fhir/List?_page=%s",
    };

    (void) state;
    page = page_of("?_getpages=a");
    (void) write_page(&page);

    for (i = 0; i < count(beside); i++) {
        map_raw(ask("GET", beside[i]));
        is_mapped(beside[i], DMP_MAPPING_AMBIGUOUS);
    }

    map_raw(ask("GET", "/fhir/DocumentReference?_page=%s&_format=xml"));
    is_mapped("a page in XML", DMP_MAPPING_FORMAT);

    /* no keys, other keys, another host, no room */

    raw = ask("GET", "/fhir/DocumentReference?_page=%s");
    raw.keys = NULL;
    map_raw(raw);
    is_mapped("no keys", DMP_MAPPING_AMBIGUOUS);
    assert_string_equal(out.why, "the page is none that was given here");

    raw = ask("GET", "/fhir/DocumentReference?_page=%s");
    raw.host = dmp_string("other");
    map_raw(raw);
    is_mapped("another host", DMP_MAPPING_AMBIGUOUS);

    raw = ask("GET", "/fhir/DocumentReference?_page=%s");
    raw.room_size = 10;
    map_raw(raw);
    is_mapped("no room", DMP_MAPPING_AMBIGUOUS);

    c = text[20];
    text[20] = (c == 'A') ? 'B' : 'A';
    map_raw(ask("GET", "/fhir/DocumentReference?_page=%s"));
    is_mapped("a changed page", DMP_MAPPING_AMBIGUOUS);
    text[20] = c;

    /* by POST, and with a body */

    map_raw(ask("POST", "/fhir/DocumentReference/_search?_page=%s"));
    is_mapped("by POST", DMP_MAPPING_AMBIGUOUS);
    map_raw(ask("POST", "/fhir/DocumentReference?_page=%s"));
    is_mapped("POST without _search", DMP_MAPPING_OPERATION_UNKNOWN);
    raw = ask("GET", "/fhir/DocumentReference?_page=%s");
    raw.has_body = true;
    map_raw(raw);
    is_mapped("a page with a body", DMP_MAPPING_AMBIGUOUS);

    memset(text, 'A', DMP_PAGE_TOKEN_MAX);
    text[DMP_PAGE_TOKEN_MAX] = '\0';
    map_raw(ask("GET", "/fhir/DocumentReference?_page=%s"));
    is_mapped("a long page", DMP_MAPPING_AMBIGUOUS);
    map_raw(ask("GET", "/fhir/DocumentReference?_page=%sA"));
    is_mapped("one that is longer", DMP_MAPPING_TOO_LARGE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_opens),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_what_it_is_of),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_mapped_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, NULL);
}
