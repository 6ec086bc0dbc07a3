/*
 * fuzz_filter.c: what the filter lets leave.  Most inputs are taken as an
 * answer, byte by byte.  One that begins with a control character says how to
 * make a search answer of entries that may leave and of others that may not:
 * of the latter nothing leaves, and the former are as they were, but for the
 * host's addresses.
 */

#include <stdarg.h>
#include <stdio.h>

#include "../unit/filter_check.h"


#define ROOM         (1 << 20)
#define MEMBERS_MAX  16
#define ENTRIES_MAX  12

/* Stand for an address until both texts are made: see bases below. */
#define BASES        6
#define SLASH        '\007'              /* "\/" of the host, "/" of ours */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


typedef struct {
    const uint8_t  *data;
    size_t          size;
    char           *room;
    size_t          used;
    bool            lists;
    bool            metadata_only;
    bool            bytes;               /* what stays of the entry being made
                                            is as it was, byte for byte */
} maker_t;

/* The parts of an object or of an array, before their order is chosen. */
typedef struct {
    const char  *part[MEMBERS_MAX];
    size_t       n;
} parts_t;

typedef struct {
    const char  *text;
    bool         bytes;
} shown_t;

typedef struct {
    const char  *text;
    shown_t      shown[ENTRIES_MAX];
    size_t       n_shown;
    size_t       n_withheld;
    bool         linked;                 /* one of the links may stay */
} answer_t;


static void
wrong_if(bool wrong, const char *what)
{
    if (wrong) {
        (void) fprintf(stderr, "%s\n", what);
        abort();
    }
}


static unsigned
take(maker_t *m, unsigned n)
{
    if (m->size == 0) {
        return 0;
    }

    m->size--;

    return *m->data++ % n;
}


static const char *
print(maker_t *m, const char *format, ...)
{
    int          n;
    char        *text;
    va_list      args;

    text = m->room + m->used;

    va_start(args, format);
    n = vsnprintf(text, ROOM - m->used, format, args);
    va_end(args);

    wrong_if(n < 0 || (size_t) n >= ROOM - m->used, "the answer is too large");
    m->used += (size_t) n + 1;

    return text;
}


static void
add(parts_t *parts, const char *part)
{
    wrong_if(parts->n == MEMBERS_MAX, "too many members");
    parts->part[parts->n++] = part;
}


static const char *
space(maker_t *m)
{
    static const char *const  spaces[] = {
        "", "", "", " ", "\n", "\t", " \r\n  "
    };

    return spaces[take(m, sizeof(spaces) / sizeof(spaces[0]))];
}


/* All parts in some order, with white space around. */
static const char *
join(maker_t *m, parts_t *parts, char open, char end)
{
    size_t       i, j;
    const char  *text, *swap;

    text = print(m, "%c%s", open, space(m));

    for (i = 0; i < parts->n; i++) {
        j = i + take(m, (unsigned) (parts->n - i));
        swap = parts->part[i];
        parts->part[i] = parts->part[j];
        parts->part[j] = swap;

        text = print(m, "%s%s%s%s%s", text, i != 0 ? "," : "", space(m),
                     parts->part[i], space(m));
    }

    return print(m, "%s%c", text, end);
}


static const char *
object(maker_t *m, parts_t *parts)
{
    return join(m, parts, '{', '}');
}


static const char *
member(maker_t *m, const char *name, const char *value)
{
    return print(m, "\"%s\"%s:%s%s", name, space(m), space(m), value);
}


/* A string with the mark in it. */
static const char *
text(maker_t *m, const char *mark)
{
    static const char *const  forms[] = {
        "\"%s\"", "\"a %s b\"", "\"\\u00e9%s\\n\"", "\"\\\"%s\\\\\"",
        "\"]},%s{[\"", "\"\xc3\xa9%s\xe2\x82\xac\"", "\"\\\",\\\"%s\\\":{\""
    };

    return print(m, forms[take(m, sizeof(forms) / sizeof(forms[0]))], mark);
}


static const char *
member_text(maker_t *m, const char *name, const char *mark)
{
    return member(m, name, text(m, mark));
}


static bool
maybe(maker_t *m)
{
    return take(m, 2) != 0;
}


/* An address of the host's, or one that stays as it is. */
static const char *
address(maker_t *m, const char *type, const char *mark)
{
    unsigned  form;

    form = take(m, BASES + 4);

    switch (form) {

    case BASES - 1:
        return print(m, "\"%c%c%s%c%s\"", 1 + BASES - 1, SLASH, type, SLASH,
                     mark);

    case BASES:
        return print(m, "\"%s/%s\"", type, mark);

    case BASES + 1:
        return print(m, "\"urn:uuid:%s\"", mark);

    case BASES + 2:
        return print(m, "\"https://elsewhere/fhir/%s/%s\"", type, mark);

    case BASES + 3:
        return print(m, "\"http:\\/\\/elsewhere\\/%s\"", mark);

    default:
        return print(m, "\"%c/%s/%s%s\"", 1 + (int) form, type, mark,
                     maybe(m) ? "/_history/2" : "");
    }
}


static const char *
attachment(maker_t *m, const char *mark)
{
    parts_t  parts;

    parts.n = 0;
    add(&parts, member_text(m, "title", mark));

    if (maybe(m)) {
        add(&parts, member(m, "url", address(m, "Binary", mark)));
    }

    if (maybe(m)) {
        add(&parts, member_text(m, "data", mark));
    }

    if (maybe(m)) {
        add(&parts, member(m, "_data", "{ }"));
    }

    if (maybe(m)) {
        add(&parts, member(m, "size", "12"));
    }

    return object(m, &parts);
}


static const char *
contents(maker_t *m, const char *mark)
{
    parts_t  parts, content;

    parts.n = 0;

    do {
        content.n = 0;

        if (maybe(m)) {
            add(&content, member(m, "attachment", attachment(m, mark)));
        }

        if (maybe(m)) {
            add(&content, member(m, "format", "{\"code\":\"x\"}"));
        }

        add(&parts, object(m, &content));

    } while (parts.n < 4 && maybe(m));

    return join(m, &parts, '[', ']');
}


static const char *
items(maker_t *m, const char *mark)
{
    parts_t  parts;

    parts.n = 0;

    while (parts.n < 4 && maybe(m)) {
        add(&parts, print(m, "{\"item\":{\"reference\":\"%s/%s\"}}",
                          maybe(m) ? "List" : "DocumentReference", mark));
    }

    return join(m, &parts, '[', ']');
}


/* What any of them may have. */
static void
add_common(maker_t *m, parts_t *parts, const char *mark)
{
    if (maybe(m)) {
        add(parts, member(m, "text", print(m, "{\"status\":\"generated\","
                                           "\"div\":%s}", text(m, mark))));
    }

    if (maybe(m)) {
        add(parts, member(m, "extension",
                          print(m, "[{\"url\":\"x\",\"valueString\":%s}]",
                                text(m, mark))));
    }

    if (maybe(m)) {
        add(parts, member(m, "contained",
                          print(m, "[{\"resourceType\":\"Patient\",\"id\":"
                                "\"p\",\"name\":[{\"family\":%s}]}]",
                                text(m, mark))));
    }

    if (maybe(m)) {
        add(parts, member_text(m, print(m, "x-%s", mark), mark));
    }
}


/* One of the kind that is searched for, or of the other. */
static const char *
resource(maker_t *m, const char *mark, unsigned n, bool list, bool readable)
{
    parts_t  parts;

    parts.n = 0;
    add(&parts, member(m, "resourceType",
                       list ? "\"List\"" : "\"DocumentReference\""));
    add(&parts, member(m, "id", print(m, "\"%s-%u\"", mark, n)));
    add_common(m, &parts, mark);

    if (list) {
        add(&parts, member(m, "entry", items(m, mark)));
        add(&parts, member_text(m, "title", mark));

    } else {
        add(&parts, member(m, "content", contents(m, mark)));
        add(&parts, member_text(m, "description", mark));
    }

    if (!readable) {
        add(&parts, member(m, "subject", maybe(m) ? "null" : "[1]"));
    }

    return object(m, &parts);
}


static const char *
outcome(maker_t *m)
{
    parts_t  parts;

    parts.n = 0;
    add(&parts, member(m, "resourceType", "\"OperationOutcome\""));
    add(&parts, member(m, "text", "{\"div\":\"SHOWN\"}"));
    add(&parts, member(m, "issue", "[{\"diagnostics\":\"SHOWN\"}]"));

    return object(m, &parts);
}


/* The rest of an entry around its resource. */
static const char *
entry(maker_t *m, const char *mark, const char *what)
{
    parts_t  parts;

    parts.n = 0;
    m->bytes = true;

    if (what != NULL) {
        add(&parts, member(m, "resource", what));
    }

    if (maybe(m)) {
        add(&parts, member(m, "fullUrl",
                           address(m, m->lists ? "List" : "DocumentReference",
                                   mark)));
    }

    if (maybe(m)) {
        add(&parts, member(m, "search", "{\"mode\":\"match\"}"));
    }

    if (maybe(m)) {
        add(&parts, member_text(m, "id", mark));
    }

    if (take(m, 4) == 1) {
        add(&parts, member(m, "link", "[{\"url\":\"HIDDEN\"}]"));
        m->bytes = false;
    }

    return object(m, &parts);
}


/* An entry that may not leave, for one of many reasons. */
static const char *
hidden_entry(maker_t *m, unsigned n)
{
    static const char  mark[] = "HIDDEN";

    switch (take(m, 7)) {

    case 0:
        return entry(m, mark, NULL);

    case 1:
        return entry(m, mark, resource(m, mark, n, !m->lists, true));

    case 2:
        return entry(m, mark, resource(m, "SHOWN HIDDEN", n, m->lists, false));

    case 3:
        return print(m, "{\"fullUrl\":\"http://host:8080/fhir/../HIDDEN\","
                     "\"resource\":%s}", resource(m, "SHOWN", n, m->lists,
                                                  true));

    case 4:
        return entry(m, mark, print(m, "{\"name\":%s,\"resourceType\":"
                                    "\"Patient\"}", text(m, mark)));

    case 5:
        return entry(m, mark, print(m, "[%s]", text(m, mark)));

    default:
        return entry(m, mark, resource(m, mark, n, m->lists, true));
    }
}


static const char *
shown_entry(maker_t *m, unsigned n)
{
    return entry(m, "SHOWN", take(m, 8) == 1
                             ? outcome(m)
                             : resource(m, "SHOWN", n, m->lists, true));
}


static const char *
links(maker_t *m, bool *linked)
{
    parts_t   parts;
    unsigned  n;

    parts.n = 0;
    *linked = false;

    for (n = take(m, 5); n > 0; n--) {

        switch (take(m, 6)) {

        case 0:
            add(&parts, print(m, "{\"relation\":\"next\",\"url\":"
                              "\"%c?_getpages=HIDDEN\"}",
                              1 + (int) take(m, BASES - 1)));
            *linked = true;
            break;

        case 1:
            add(&parts, "{\"url\":\"?HIDDEN\", \"relation\":\"odd\"}");
            *linked = true;
            break;

        case 2:
            add(&parts, print(m, "{\"relation\":\"self\",\"url\":"
                              "\"%c/DocumentReference?HIDDEN\"}",
                              1 + (int) take(m, BASES)));
            break;

        case 3:
            add(&parts, "{\"relation\":\"next\",\"url\":"
                "\"https://elsewhere/?HIDDEN\"}");
            break;

        case 4:
            add(&parts, "{\"relation\":\"next\",\"url\":\"?HIDDEN\","
                "\"x\":1}");
            break;

        default:
            add(&parts, "\"HIDDEN\"");
        }
    }

    return join(m, &parts, '[', ']');
}


/* The entries in their order, which is kept. */
static const char *
entries(maker_t *m, answer_t *answer)
{
    unsigned     n, count;
    const char  *list, *one;

    count = take(m, ENTRIES_MAX + 1);
    list = print(m, "[%s", space(m));

    for (n = 0; n < count; n++) {

        if (maybe(m)) {
            one = shown_entry(m, n);
            answer->shown[answer->n_shown].text = one;
            answer->shown[answer->n_shown++].bytes = m->bytes;

        } else {
            one = hidden_entry(m, n);
            answer->n_withheld++;
        }

        list = print(m, "%s%s%s%s%s", list, n != 0 ? "," : "", space(m), one,
                     space(m));
    }

    return print(m, "%s]", list);
}


static void
make(maker_t *m, answer_t *answer)
{
    parts_t  parts;

    memset(answer, 0, sizeof(answer_t));
    m->lists = maybe(m);
    m->metadata_only = take(m, 3) == 1;

    parts.n = 0;
    add(&parts, member(m, "resourceType", "\"Bundle\""));
    add(&parts, member(m, "type", "\"searchset\""));
    add(&parts, member(m, "entry", entries(m, answer)));

    if (maybe(m)) {
        add(&parts, member(m, "total", "12"));
    }

    if (maybe(m)) {
        add(&parts, member(m, "_total", "{\"id\":\"HIDDEN\"}"));
    }

    if (maybe(m)) {
        add(&parts, member_text(m, "id", "SHOWN"));
    }

    if (maybe(m)) {
        add(&parts, member(m, "link", links(m, &answer->linked)));
    }

    answer->text = print(m, "%s%s%s", space(m), object(m, &parts), space(m));
}


/* The text with the host's addresses, or with ours in their place. */
static char *
address_all(const char *from, bool ours)
{
    char        *to;
    size_t       len;
    const char  *with;

    static const char *const  bases[BASES] = {
        "http://host:8080/fhir", "HTTP://Host:8080/fhir",
        "https://dmp.example:443/r4", "/fhir", "//host:8080/fhir",
        "http:\\/\\/host:8080\\/fhir"
    };

    to = malloc(strlen(from) * 32 + 1);
    wrong_if(to == NULL, "no memory");

    for (len = 0; *from != '\0'; from++) {

        if (*from == SLASH) {
            with = ours ? "/" : "\\/";

        } else if (*from >= 1 && *from <= BASES) {
            with = ours ? CHECK_OURS : bases[*from - 1];

        } else {
            to[len++] = *from;
            continue;
        }

        memcpy(to + len, with, strlen(with));
        len += strlen(with);
    }

    to[len] = '\0';

    return to;
}


/* The tree of an entry that stays, without what is left out of it. */
static json_t *
expected(const char *text, bool metadata_only)
{
    size_t   i;
    json_t  *tree, *resource, *content, *attached;

    tree = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    wrong_if(tree == NULL, "what was made is not JSON");

    (void) json_object_del(tree, "link");
    resource = json_object_get(tree, "resource");

    if (!metadata_only
        || strcmp(json_string_value(json_object_get(resource, "resourceType")),
                  "OperationOutcome") == 0)
    {
        return tree;
    }

    (void) json_object_del(resource, "text");
    content = json_object_get(resource, "content");

    for (i = 0; i < json_array_size(content); i++) {
        attached = json_object_get(json_array_get(content, i), "attachment");
        (void) json_object_del(attached, "data");
        (void) json_object_del(attached, "_data");
    }

    return tree;
}


static void
check_shown(const maker_t *m, const answer_t *answer, const char *left)
{
    char        *ours;
    size_t       i;
    json_t      *tree, *want, *entries;
    const char  *at;

    tree = json_loads(left, JSON_REJECT_DUPLICATES, NULL);
    wrong_if(tree == NULL, "what left is not JSON");

    entries = json_object_get(tree, "entry");
    wrong_if(json_array_size(entries) != answer->n_shown,
             "another number of entries left");
    wrong_if((json_object_get(tree, "link") != NULL) != answer->linked,
             "links left, or not");
    wrong_if(check_links(json_object_get(tree, "link")) != NULL,
             "a link left that is not ours");

    for (i = 0, at = left; i < answer->n_shown; i++) {

        ours = address_all(answer->shown[i].text, true);
        want = expected(ours, m->metadata_only);
        wrong_if(!json_equal(want, json_array_get(entries, i)),
                 "an entry left that is another");

        if (answer->shown[i].bytes && !m->metadata_only) {
            at = strstr(at, ours);
            wrong_if(at == NULL, "an entry left that is written otherwise");
            at += strlen(ours);
        }

        json_decref(want);
        free(ours);
    }

    json_decref(tree);
}


static bool
judge(void *data, const dmp_document_t *document)
{
    (void) data;

    return document->id.len > 5 && memcmp(document->id.data, "SHOWN", 5) == 0;
}


static bool
judge_list(void *data, const dmp_fhir_list_t *list)
{
    (void) data;

    return list->id.len > 5 && memcmp(list->id.data, "SHOWN", 5) == 0;
}


/* What left is what leaves of it again, where our addresses are the host's. */
static dmp_str_t
same_link(void *data, dmp_str_t relation, dmp_str_t target)
{
    (void) data;
    (void) target;

    return dmp_str_eq(relation, dmp_string("next"))
           ? dmp_string(CHECK_OURS "/DocumentReference?_page=next")
           : dmp_string(CHECK_OURS "/\"\\\xc3\xa9");
}


static void
check_again(dmp_filter_t f, const check_left_t *left)
{
    check_left_t  again;

    static const dmp_addresses_t  ours = {
        .bases = { dmp_string(CHECK_OURS) },
        .n_bases = 1,
        .ours = dmp_string(CHECK_OURS)
    };

    f.addresses = &ours;
    f.link = same_link;

    /* one of the links has what no path has */

    if (strstr(left->text, CHECK_OURS "/\\\"") != NULL) {
        return;
    }

    wrong_if(check_run(&f, left->text, left->len, SIZE_MAX, NULL, &again)
             != NULL, "what left cannot be cut");
    wrong_if(again.rc != DMP_OK, "what left is refused");
    wrong_if(again.len != left->len
             || memcmp(again.text, left->text, left->len) != 0,
             "what left is not all that leaves of it");
    wrong_if(again.cut.withheld != 0, "something of what left does not");
    free(again.text);
}


static void
made(const uint8_t *data, size_t size)
{
    char          *text;
    maker_t        m;
    answer_t       answer;
    const char    *wrong;
    check_left_t   left;
    dmp_filter_t   f;

    memset(&m, 0, sizeof(m));
    m.data = data;
    m.size = size;
    m.room = malloc(ROOM);
    wrong_if(m.room == NULL, "no memory");

    make(&m, &answer);
    text = address_all(answer.text, false);

    memset(&f, 0, sizeof(f));
    f.policy = &small_policy;
    f.addresses = &check_addresses;
    f.entries = m.lists ? DMP_RESOURCE_LIST : DMP_RESOURCE_DOCUMENT_REFERENCE;
    f.metadata_only = m.metadata_only;
    f.max_entries = ENTRIES_MAX;
    f.judge = judge;
    f.judge_list = judge_list;
    f.link = check_link;

    wrong = check_run(&f, text, strlen(text), SIZE_MAX, NULL, &left);
    wrong_if(wrong != NULL, wrong);
    wrong_if(left.rc != DMP_OK, "the answer is refused");
    wrong_if(left.cut.withheld != answer.n_withheld, "others are withheld");
    wrong_if(strstr(left.text, "HIDDEN") != NULL, "something hidden left");

    check_shown(&m, &answer, left.text);
    check_again(f, &left);

    free(left.text);
    free(text);
    free(m.room);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned     way;
    const char  *wrong;

    if (size > 0 && data[0] < 8) {
        made(data + 1, size - 1);
        return 0;
    }

    wrong = NULL;

    for (way = 0; way < CHECK_WAYS && wrong == NULL; way++) {
        wrong = check_filter((const char *) data, size, way);
    }

    wrong_if(wrong != NULL, wrong);

    return 0;
}
