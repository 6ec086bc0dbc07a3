/*
 * fuzz_request.c: any method, target, headers and form, a line each; or, when
 * the first byte is below a blank, a request put together from parameters that
 * there are, by a byte each.  What is read twice is read alike, and what is
 * taken says one thing in plain bytes.
 */

#include <stdio.h>
#include <stdlib.h>

#include "../unit/request_check.h"


#define INS      "urn:oid:1.2.250.1.213.1.4.8|269054958815780"
#define COUNT(table)  (sizeof(table) / sizeof((table)[0]))


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static dmp_keyring_t  keys;
static char           room[DMP_PAGE_MAX];
static char           pages[2][256];     /* "_page=…" of documents, of lists */


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


/* Of exactly that size, so that a byte more is seen. */
static char *
block(size_t size)
{
    char  *p;

    p = malloc(size + (size == 0));
    must(p != NULL);

    return p;
}


static void
write_page(dmp_resource_t resource, char *text, size_t size)
{
    dmp_buf_t   b;
    dmp_page_t  page;

    page = (dmp_page_t) { DMP_OPERATION_SEARCH, resource,
                          dmp_string("urn:oid:1.2.250.1.213.1.4.8"),
                          dmp_string("269054958815780"),
                          dmp_string("?_getpages=a&_offset=20") };

    dmp_buf_init(&b, text, size - 1);
    dmp_buf_text(&b, "_page=");
    must(dmp_page_write(&keys, dmp_string("host"), &page, &b) == DMP_OK);
    text[b.len] = '\0';
}


static void
start(void)
{
    if (keys.n != 0) {
        return;
    }

    must(dmp_keyring_add(&keys, str("000102030405060708090a0b0c0d0e0f"
                                    "101112131415161718191a1b1c1d1e1f"))
         == DMP_OK);
    write_page(DMP_RESOURCE_DOCUMENT_REFERENCE, pages[0], sizeof(pages[0]));
    write_page(DMP_RESOURCE_LIST, pages[1], sizeof(pages[1]));
}


/* Maps it, twice, and looks at what it came to. */
static dmp_mapping_t
map(const dmp_raw_t *raw)
{
    const char  *wrong;

    static dmp_request_t  first, again;

    memset(&first, 0xff, sizeof(first));
    dmp_request_map(raw, &first);
    wrong = request_check(raw, &first);

    if (wrong == NULL && raw->words != NULL && first.why != NULL
        && strstr(first.why, "room") != NULL)
    {
        wrong = "the room that was asked for is too small";
    }

    if (wrong != NULL) {
        (void) fprintf(stderr, "%s\n", wrong);
        abort();
    }

    memcpy(&again, &first, sizeof(first));

    memset(&first, 0, sizeof(first));
    dmp_request_map(raw, &first);
    must(memcmp(&first, &again, sizeof(first)) == 0);

    return first.mapping;
}


/* First without its body, if it has one, and then with it. */
static void
ask_both(dmp_raw_t raw, dmp_str_t body)
{
    dmp_mapping_t  before, after;

    raw.keys = &keys;
    raw.host = dmp_string("host");
    raw.room = room;
    raw.room_size = sizeof(room);
    raw.has_body = (body.data != NULL);

    before = map(&raw);

    if (body.data == NULL) {
        return;
    }

    /* a body takes nothing back that was refused without it */

    must(before != DMP_MAPPING_ONE);
    raw.form = body;
    after = map(&raw);
    must(after != DMP_MAPPING_INCOMPLETE);
    must(before == DMP_MAPPING_INCOMPLETE || before == after);
}


/* With room for what is said in words, and with none: then none is said. */
static void
ask(dmp_raw_t raw, dmp_str_t body)
{
    raw.words_size = dmp_headers_words(raw.headers) + raw.target.len;
    raw.words = block(raw.words_size);
    ask_both(raw, body);
    free(raw.words);

    raw.words = NULL;
    raw.words_size = 0;
    ask_both(raw, body);
}


static dmp_str_t
next_line(dmp_str_t *rest)
{
    dmp_str_t    line;
    const char  *end;

    line = *rest;
    end = (line.len != 0) ? memchr(line.data, '\n', line.len) : NULL;

    if (end == NULL) {
        *rest = dmp_null_string;
        return line;
    }

    line.len = (size_t) (end - line.data);
    rest->data = end + 1;
    rest->len -= line.len + 1;

    return line;
}


static bool
begins(dmp_str_t name, const char *with)
{
    char    c;
    size_t  i;

    for (i = 0; with[i] != '\0'; i++) {
        if (i == name.len) {
            return false;
        }

        c = name.data[i];
        c = (c >= 'A' && c <= 'Z') ? (char) (c - 'A' + 'a')
                                   : (c == '_') ? '-' : c;

        if (c != with[i]) {
            return false;
        }
    }

    return true;
}


static void
take_header(dmp_headers_t *headers, dmp_str_t line, const char *colon)
{
    dmp_str_t     name, value;
    dmp_header_t  what;

    name = (dmp_str_t) { line.data, (size_t) (colon - line.data) };
    value = (dmp_str_t) { colon + 1, line.len - name.len - 1 };

    if (value.len != 0 && value.data[0] == ' ') {
        value.data++;
        value.len--;
    }

    what = dmp_request_header(headers, name, value);
    must(what == DMP_HEADER_STRIP || what == DMP_HEADER_FORWARD);
    must(headers->ambiguous == (headers->why != NULL));
    must(!headers->xml_only || headers->format_refused);
    must((!begins(name, "dmp-") && !begins(name, "x-dmp-"))
         || what == DMP_HEADER_STRIP);
}


/* Lines: method, target, headers; the first that is no header is the body. */
static void
ask_lines(dmp_str_t rest)
{
    dmp_str_t       line, body;
    dmp_raw_t       raw;
    const char     *colon;
    dmp_headers_t   headers;

    memset(&raw, 0, sizeof(raw));
    memset(&headers, 0, sizeof(headers));

    raw.method = next_line(&rest);
    raw.target = next_line(&rest);
    raw.headers = &headers;
    body = dmp_null_string;

    while (rest.len != 0) {
        body = rest;
        line = next_line(&rest);
        colon = (line.len != 0) ? memchr(line.data, ':', line.len) : NULL;

        if (colon == NULL) {
            break;
        }

        take_header(&headers, line, colon);
        body = dmp_null_string;
    }

    raw.base = dmp_string("/fhir");
    ask(raw, body);
    raw.base = dmp_string("");
    ask(raw, body);
}


static const char *const  methods[] = { "GET", "POST", "HEAD", "PUT" };

static const char *const  paths[] = {
    "DocumentReference", "DocumentReference/_search", "List", "List/_search",
    "Patient", "Binary/b1", "Bundle/b1", "DocumentReference/d1", "metadata",
};

static const char *const  parameters[] = {
    "patient.identifier=" INS, "identifier=" INS, "identifier=urn:x|1",
    "identifier=urn:x|", "%69dentifier=1", "patient%2Eidentifier=" INS,
    "_format=json", "_format=xml", "_pretty=true", "_count=50", "_count=0",
    "_count=1001", "_sort=-date", "_sort=author.family", "status=current",
    "status=retired", "type=a|b", "date=ge2026", "date=x", "isArchived=true",
    "author.given=A", "title=x", "sourceId=1", "_summary=count", "x=y",
    pages[0], pages[1], "_page=x", "", "status", "type=%25", "type=+",
    "family=Zo%C3%A9", "given=Marie%20Anne,Louise", "birthdate=1985-03-02",
    "family=a", "given=a", "birthdate=1985-02-29", "family=", "given=a+b",
};

/* In words, and a mode. */
static const char *const  ours[][2] = {
    { "DMP-Access-Mode", "bris-de-glace" },
    { "DMP-Justification", "arr%C3%AAt%20cardiaque%0A100%25+" },
    { "DMP-Patient-Family", "O%E2%80%99Neil" },
    { "DMP-Patient-Given", "Jean-Pierre" },
    { "DMP-Patient-Birthdate", "1985-03-02" },
    { "DMP-Justification", "%ED%A0%80" },
    { "DMP-Patient-Birthdate", "1985-02-29" },
};


/* Adds a parameter, and sometimes ruins it by a byte. */
static void
add(dmp_buf_t *b, uint8_t which, uint8_t ruin)
{
    char         byte;
    size_t       at;
    const char  *parameter;

    parameter = parameters[which % COUNT(parameters)];

    if (b->len != 0 && ruin != 0xfe) {
        dmp_buf_text(b, "&");
    }

    at = b->len;
    dmp_buf_text(b, parameter);

    if (ruin > 0xe0 && b->len > at) {
        byte = (char) (which ^ ruin);
        b->data[at + (size_t) ruin % (b->len - at)] = byte;
    }
}


/* Adds one of our headers for each bit. */
static void
add_ours(dmp_headers_t *headers, unsigned bits)
{
    size_t  i;

    for (i = 0; i < COUNT(ours); i++) {
        if (bits & 1u << i) {
            (void) dmp_request_header(headers, str(ours[i][0]),
                                      str(ours[i][1]));
        }
    }
}


/*
 * Bytes: method, path, headers, limits, our headers if there are any; two for
 * each parameter after that.
 */
static void
ask_parts(const uint8_t *data, size_t size)
{
    char            texts[2][8192];
    size_t          i;
    dmp_raw_t       raw;
    dmp_buf_t       query, form;
    dmp_headers_t   headers;

    if (size < 4) {
        return;
    }

    memset(&raw, 0, sizeof(raw));
    memset(&headers, 0, sizeof(headers));

    dmp_buf_init(&query, texts[0], sizeof(texts[0]));
    dmp_buf_init(&form, texts[1], sizeof(texts[1]));
    dmp_buf_text(&query, "/fhir/");
    dmp_buf_text(&query, paths[data[1] % COUNT(paths)]);
    dmp_buf_text(&query, "?");
    raw.target = (dmp_str_t) { query.data, query.len };
    dmp_buf_init(&query, texts[0] + raw.target.len,
                 sizeof(texts[0]) - raw.target.len);

    i = 4;

    if ((data[2] & 0x80) && size > 4) {
        add_ours(&headers, data[i++]);
    }

    for ( /* void */ ; i + 1 < size; i += 2) {
        add((data[i] & 0x80) ? &form : &query, data[i] & 0x7f, data[i + 1]);
    }

    raw.target.len += query.len;
    raw.method = str(methods[data[0] % COUNT(methods)]);
    raw.base = dmp_string("/fhir");
    raw.headers = &headers;
    raw.max_parameters = data[3] & 0x0f;
    raw.max_target = (data[3] & 0x10) ? 200 : 0;
    raw.max_form = (data[3] & 0x20) ? 100 : 0;
    raw.own_mode = (dmp_mode_t) (data[3] >> 6);

    headers.form = !(data[2] & 0x01);
    headers.encoded = (data[2] & 0x06) == 0x06;
    headers.format_refused = (data[2] & 0x18) == 0x18;
    headers.xml_only = headers.format_refused && (data[2] & 0x20);

    ask(raw, (form.len != 0 || (data[2] & 0x40))
             ? (dmp_str_t) { form.data, form.len } : dmp_null_string);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    start();

    if (size != 0 && data[0] < 0x20 && data[0] != '\n') {
        ask_parts(data, size);

    } else {
        ask_lines((dmp_str_t) { (const char *) data, size });
    }

    return 0;
}
