/*
 * fuzz_page.c: pages, by the first byte: a text that was never given, which
 * does not open; the contents of one, which are read as what is written of
 * them; and one of any values, which opens to them, and to nothing when any
 * byte of it has changed.
 */

#include <stdlib.h>

#include <dmp/dmp_request.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define HOST  dmp_string("records.example")

static dmp_keyring_t  keys;
static char           text[DMP_PAGE_TOKEN_MAX];


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


static void
start(void)
{
    if (keys.n == 0) {
        must(dmp_keyring_add(&keys,
                             dmp_string("000102030405060708090a0b0c0d0e0f"
                                        "101112131415161718191a1b1c1d1e1f"))
             == DMP_OK);
    }
}


static bool
is_empty(const dmp_page_t *page)
{
    static const dmp_page_t  none;

    return memcmp(page, &none, sizeof(none)) == 0;
}


static void
is_no_page(dmp_str_t host, dmp_str_t token)
{
    dmp_page_t  page;

    static char  room[DMP_PAGE_MAX];

    must(dmp_page_read(&keys, host, token, room, sizeof(room), &page)
         != DMP_OK);
    must(is_empty(&page));
}


/* Neither a document nor its versions nor all of a type. */
static void
is_no_record(const dmp_page_t *page)
{
    char         path[DMP_PAGE_MAX + 3];
    size_t       n;
    const char  *mark, *rest;

    mark = memchr(page->target.data, '?', page->target.len);
    n = (mark != NULL) ? (size_t) (mark - page->target.data)
                       : page->target.len;
    path[0] = '/';
    memcpy(path + 1, page->target.data, n);
    path[n + 1] = '\0';

    must(mark != NULL || strstr(path, "/_") != NULL);

    rest = strchr(path + 1, '/');

    must(path[1] == '_' || rest == NULL || rest[1] == '_' || rest[1] == '\0');

    (void) strcat(path, "/");
    must(strcasestr(path, "/_history/") == NULL);
}


/* What a page may hold, said once more. */
static void
check(const dmp_page_t *page)
{
    char      c;
    size_t    i;
    unsigned  marks, slashes;

    marks = 0;
    slashes = 0;

    must(page->resource == DMP_RESOURCE_DOCUMENT_REFERENCE
         || page->resource == DMP_RESOURCE_LIST);
    must(page->operation == DMP_OPERATION_SEARCH
         || (page->operation == DMP_OPERATION_REFERENCE
             && page->resource == DMP_RESOURCE_DOCUMENT_REFERENCE));
    must(page->ins.len >= 1 && page->ins.len <= 32);
    must(page->ins_system.len >= 27 && page->ins_system.len <= 28);
    must(page->target.len >= 1 && (page->target.data[0] == '?'
                                   || page->target.data[0] == '_'
                                   || page->target.data[0] == 'D'
                                   || page->target.data[0] == 'L'));

    for (i = 0; i < page->target.len; i++) {
        c = page->target.data[i];
        must(c > 0x20 && c < 0x7f && c != '#' && c != '\\');
        marks += (c == '?') ? 1 : 0;

        if (marks == 0) {
            must((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                 || (c >= '0' && c <= '9') || strchr("-._~/", c) != NULL);
            must(c != '.' || page->target.data[i - 1] != '/');
            must(c != '/' || page->target.data[i - 1] != '/');
            slashes += (c == '/') ? 1 : 0;
        }
    }

    must(marks <= 1 && slashes <= 8);
    must(page->target.data[page->target.len - 1] != '?');
    is_no_record(page);
}


/* Written, it opens to the same, here and nowhere else, and only whole. */
static void
play(const dmp_page_t *page, const uint8_t *how, size_t size)
{
    char        c;
    size_t      i, at;
    dmp_buf_t   b;
    dmp_page_t  read;

    static char  room[DMP_PAGE_MAX];

    dmp_buf_init(&b, text, sizeof(text));

    if (dmp_page_write(&keys, HOST, page, &b) != DMP_OK) {
        must(b.len == 0);
        return;
    }

    must(dmp_page_read(&keys, HOST, (dmp_str_t) { b.data, b.len }, room,
                       sizeof(room), &read) == DMP_OK);
    check(&read);
    must(read.operation == page->operation);
    must(read.resource == page->resource);
    must(dmp_str_eq(read.ins_system, page->ins_system));
    must(dmp_str_eq(read.ins, page->ins));
    must(dmp_str_eq(read.target, page->target));

    is_no_page(dmp_string("records.exampl"), (dmp_str_t) { b.data, b.len });

    for (i = 0; i + 2 < size && i < 12; i += 3) {
        at = ((size_t) how[i] << 8 | how[i + 1]) % b.len;
        c = b.data[at];
        b.data[at] = (char) (c ^ (how[i + 2] | 1));
        is_no_page(HOST, (dmp_str_t) { b.data, b.len });
        b.data[at] = c;
        is_no_page(HOST, (dmp_str_t) { b.data, at });
    }
}


/* Whatever was sealed: if it is a page, then it is one of ours. */
static void
open_contents(const char *data, size_t size)
{
    char        sealed[DMP_PAGE_MAX + DMP_SEAL_OVERHEAD];
    size_t      len;
    dmp_buf_t   b;
    dmp_page_t  page;

    static char  room[DMP_PAGE_MAX];

    if (size > DMP_PAGE_MAX) {
        return;
    }

    must(dmp_seal(&keys, dmp_string("dmp-page"), HOST, 1, data, size, sealed,
                  &len) == DMP_OK);
    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_base64url(&b, (const unsigned char *) sealed, len);
    must(!b.full);

    if (dmp_page_read(&keys, HOST, (dmp_str_t) { b.data, b.len }, room,
                      sizeof(room), &page) != DMP_OK)
    {
        must(is_empty(&page));
        return;
    }

    check(&page);
    play(&page, (const uint8_t *) data, size);
}


/* Bytes: operation, resource, the length of the INS; the INS and the target. */
static void
make(const char *data, size_t size)
{
    size_t      n;
    dmp_page_t  page;

    static const dmp_str_t  systems[] = {
        dmp_string("urn:oid:1.2.250.1.213.1.4.8"),
        dmp_string("urn:oid:1.2.250.1.213.1.4.11"),
        dmp_string("urn:oid:1.2.250.1.213.1.4.1"),
    };

    if (size < 3) {
        return;
    }

    n = (unsigned char) data[2];
    n = (n < size - 3) ? n : size - 3;

    page.operation = (dmp_operation_t) ((unsigned char) data[0] % 8);
    page.resource = (dmp_resource_t) ((unsigned char) data[1] % 8);
    page.ins_system = systems[((unsigned char) data[1] >> 3) % 3];
    page.ins = (dmp_str_t) { data + 3, n };
    page.target = (dmp_str_t) { data + 3 + n, size - 3 - n };

    play(&page, (const uint8_t *) data, size);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char  *rest;

    start();

    if (size == 0) {
        is_no_page(HOST, dmp_null_string);
        return 0;
    }

    rest = (const char *) data + 1;

    switch (data[0] % 3) {

    case 0:
        is_no_page(HOST, (dmp_str_t) { rest, size - 1 });
        break;

    case 1:
        open_contents(rest, size - 1);
        break;

    default:
        make(rest, size - 1);
        break;
    }

    return 0;
}
