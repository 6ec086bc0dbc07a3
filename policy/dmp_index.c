/*
 * dmp_index.c: the document index: the names of its keys, and the text of one
 * document's facts.  The text has one form only: what reads like it and would
 * be written otherwise is refused, for somebody else wrote it.
 */

#include <dmp/dmp_index.h>
#include <dmp/dmp_record.h>
#include <dmp/dmp_scan.h>

#include "dmp_document_int.h"


#define INDEX_NAME_MAX   1024            /* of a host's name and a resource */
#define INDEX_LABELS     4
#define INDEX_ID_MAX     128             /* "Binary/ID" */
#define INDEX_DAY_LEN    10
#define INDEX_DAY_MS     (INT64_C(86400) * 1000)

typedef struct {
    dmp_scan_t       scan;
    dmp_rc_t         rc;
    char            *room;               /* where decoded strings go */
    size_t           left;
    dmp_document_t  *document;
} index_reader_t;

/* Reads the value at the cursor; false, with the reason set, if it is wrong. */
typedef bool (*index_read_pt)(index_reader_t *r, void *to);

typedef struct {
    const char     *name;
    index_read_pt   read;
    size_t          offset;              /* of its target in the document */
} index_member_t;

static const char  *const index_labels[INDEX_LABELS] = {
    "masked", "invisible-patient", "invisible-representatives", "unknown"
};

static const char  *const index_statuses[DMP_STATUS_MAX] = {
    "unknown", "current", "superseded", "deleted"
};


dmp_rc_t
dmp_index_hash(const unsigned char *key, dmp_str_t host, dmp_str_t resource,
    char out[DMP_INDEX_HASH_LEN])
{
    char       text[INDEX_NAME_MAX];
    dmp_buf_t  b;

    memset(out, 0, DMP_INDEX_HASH_LEN);

    if (host.len == 0 || resource.len == 0
        || memchr(host.data, '\0', host.len) != NULL)
    {
        return DMP_E_SYNTAX;
    }

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_add(&b, "dmp-index", sizeof("dmp-index"));
    dmp_buf_str(&b, host);
    dmp_buf_add(&b, "", 1);
    dmp_buf_str(&b, resource);

    if (b.full) {
        return DMP_E_LIMIT;
    }

    /* the same function of another text: no INS holds a NUL */

    return dmp_pseudonym(key, (dmp_str_t) { b.data, b.len }, out);
}


/* "Binary/ID" or "Bundle/ID". */
static bool
index_is_attachment(dmp_str_t s)
{
    size_t      i, head;
    dmp_str_t   kind;

    static const dmp_str_t  kinds[] = {
        dmp_string("Binary/"), dmp_string("Bundle/")
    };

    /* their names are of one length */

    head = kinds[0].len;

    if (s.len <= head || s.len > INDEX_ID_MAX) {
        return false;
    }

    kind = (dmp_str_t) { s.data, head };

    if (!dmp_str_eq(kind, kinds[0]) && !dmp_str_eq(kind, kinds[1])) {
        return false;
    }

    for (i = head; i < s.len; i++) {
        if (s.data[i] <= 0x20 || s.data[i] == 0x7f || s.data[i] == '/') {
            return false;
        }
    }

    return true;
}


/* Writing.  What could not be read back as it is sets "full". */

static void
index_string(dmp_buf_t *b, dmp_str_t s)
{
    size_t                n;
    const unsigned char  *p, *end;

    if (s.len == 0) {
        dmp_buf_text(b, "\"\"");
        return;
    }

    p = (const unsigned char *) s.data;
    end = p + s.len;

    while (p < end) {
        n = dmp_utf8_length(p, end);

        if (n == 0 || *p == '\0') {
            b->full = true;
            return;
        }

        p += n;
    }

    dmp_buf_json(b, s);
}


static void
index_strings(dmp_buf_t *b, const char *name, const dmp_str_t *list,
    unsigned n, unsigned max)
{
    unsigned  i;

    /* a list cut short would be another document */

    if (n > max) {
        b->full = true;
        return;
    }

    dmp_buf_text(b, name);

    for (i = 0; i < n; i++) {
        dmp_buf_text(b, i == 0 ? "" : ",");
        index_string(b, list[i]);
    }

    dmp_buf_text(b, "]");
}


static void
index_types(dmp_buf_t *b, const dmp_document_t *document)
{
    unsigned  i;

    if (document->n_types > DMP_DOCUMENT_TYPES) {
        b->full = true;
        return;
    }

    dmp_buf_text(b, ",\"types\":[");

    for (i = 0; i < document->n_types; i++) {
        dmp_buf_text(b, i == 0 ? "[" : ",[");
        index_string(b, document->types[i].system);
        dmp_buf_text(b, ",");
        index_string(b, document->types[i].code);
        dmp_buf_text(b, "]");
    }

    dmp_buf_text(b, "]");
}


/* A label that has no word cannot be left out: the text would show more. */
static void
index_label_words(dmp_buf_t *b, unsigned labels)
{
    bool      first;
    unsigned  i;

    if ((labels & ~(unsigned) DMP_LABEL_ALL) != 0) {
        b->full = true;
        return;
    }

    dmp_buf_text(b, ",\"labels\":[");
    first = true;

    for (i = 0; i < INDEX_LABELS; i++) {
        if ((labels & (1u << i)) != 0) {
            dmp_buf_text(b, first ? "\"" : ",\"");
            dmp_buf_text(b, index_labels[i]);
            dmp_buf_text(b, "\"");
            first = false;
        }
    }

    dmp_buf_text(b, "]");
}


static void
index_flag(dmp_buf_t *b, const char *name, bool flag)
{
    dmp_buf_text(b, name);
    dmp_buf_text(b, flag ? "true" : "false");
}


static void
index_deposited(dmp_buf_t *b, int32_t day)
{
    char       text[32];
    dmp_buf_t  time;

    dmp_buf_init(&time, text, sizeof(text));
    dmp_buf_time(&time, (int64_t) day * INDEX_DAY_MS);

    /* there is no year 0 to read back */

    if (time.full || memcmp(text, "0000", 4) == 0) {
        b->full = true;
        return;
    }

    dmp_buf_text(b, ",\"deposited\":\"");
    dmp_buf_add(b, text, INDEX_DAY_LEN);
    dmp_buf_text(b, "\"");
}


void
dmp_index_write(dmp_buf_t *buf, const dmp_document_t *document,
    const dmp_str_t *attachments, unsigned n_attachments)
{
    unsigned      i;
    dmp_status_t  status;

    status = (unsigned) document->status < DMP_STATUS_MAX
             ? document->status : DMP_STATUS_UNKNOWN;

    for (i = 0; i < n_attachments; i++) {
        if (!index_is_attachment(attachments[i])) {
            buf->full = true;
            return;
        }
    }

    if (document->id.len == 0) {
        buf->full = true;
        return;
    }

    dmp_buf_text(buf, "{\"id\":");
    index_string(buf, document->id);
    dmp_buf_text(buf, ",\"master\":");
    index_string(buf, document->master);
    index_types(buf, document);
    index_label_words(buf, document->labels);
    index_strings(buf, ",\"authors\":[", document->authors,
                  document->n_authors, DMP_DOCUMENT_AUTHORS);
    index_strings(buf, ",\"structures\":[", document->structures,
                  document->n_structures, DMP_DOCUMENT_STRUCTURES);
    index_flag(buf, ",\"by_patient\":", document->by_patient);
    index_flag(buf, ",\"by_others\":", document->by_others);
    index_flag(buf, ",\"replaces\":", document->replaces);
    dmp_buf_text(buf, ",\"status\":\"");
    dmp_buf_text(buf, index_statuses[status]);
    index_flag(buf, "\",\"archived\":", document->archived);

    if (document->dated) {
        index_deposited(buf, document->deposited);
    }

    index_flag(buf, ",\"inlined\":", document->inlined);
    index_strings(buf, ",\"attachments\":[", attachments, n_attachments,
                  DMP_DOCUMENT_ATTACHMENTS);
    dmp_buf_text(buf, "}");
}


/* Reading. */

static bool
index_wrong(index_reader_t *r)
{
    r->rc = r->scan.error != DMP_SCAN_OK ? dmp_scan_rc(&r->scan)
                                         : DMP_E_UNKNOWN;

    return false;
}


static bool
index_read_string(index_reader_t *r, void *to)
{
    size_t             len;
    dmp_scan_string_t  raw;

    if (!dmp_scan_string(&r->scan, &raw)
        || !dmp_scan_decode(&raw, r->room, r->left, &len))
    {
        return index_wrong(r);
    }

    *(dmp_str_t *) to = (dmp_str_t) { r->room, len };
    r->room += len;
    r->left -= len;

    return true;
}


static bool
index_read_flag(index_reader_t *r, void *to)
{
    return dmp_scan_bool(&r->scan, to) || index_wrong(r);
}


/* One word of a table, as its place in it. */
static bool
index_word(index_reader_t *r, const char *const *words, unsigned n,
    unsigned *out)
{
    unsigned           i;
    dmp_scan_string_t  raw;

    if (!dmp_scan_string(&r->scan, &raw)) {
        return index_wrong(r);
    }

    for (i = 0; i < n; i++) {
        if (dmp_str_eq(raw.raw, (dmp_str_t) { words[i], strlen(words[i]) })) {
            *out = i;
            return true;
        }
    }

    return index_wrong(r);
}


static bool
index_list(index_reader_t *r, dmp_str_t *list, unsigned max, unsigned *n)
{
    if (!dmp_scan_array(&r->scan)) {
        return index_wrong(r);
    }

    while (dmp_scan_element(&r->scan)) {

        if (*n == max) {
            return index_wrong(r);
        }

        if (!index_read_string(r, &list[*n])) {
            return false;
        }

        (*n)++;
    }

    return r->scan.error == DMP_SCAN_OK || index_wrong(r);
}


static bool
index_read_types(index_reader_t *r, void *to)
{
    unsigned         n;
    dmp_str_t        pair[2];
    dmp_document_t  *document;

    (void) to;

    document = r->document;

    if (!dmp_scan_array(&r->scan)) {
        return index_wrong(r);
    }

    while (dmp_scan_element(&r->scan)) {
        n = 0;

        if (document->n_types == DMP_DOCUMENT_TYPES) {
            return index_wrong(r);
        }

        if (!index_list(r, pair, 2, &n)) {
            return false;
        }

        if (n != 2) {
            return index_wrong(r);
        }

        document->types[document->n_types].system = pair[0];
        document->types[document->n_types++].code = pair[1];
    }

    return r->scan.error == DMP_SCAN_OK || index_wrong(r);
}


static bool
index_read_labels(index_reader_t *r, void *to)
{
    unsigned  label;

    if (!dmp_scan_array(&r->scan)) {
        return index_wrong(r);
    }

    while (dmp_scan_element(&r->scan)) {
        if (!index_word(r, index_labels, INDEX_LABELS, &label)) {
            return false;
        }

        *(unsigned *) to |= 1u << label;
    }

    return r->scan.error == DMP_SCAN_OK || index_wrong(r);
}


static bool
index_read_authors(index_reader_t *r, void *to)
{
    return index_list(r, to, DMP_DOCUMENT_AUTHORS, &r->document->n_authors);
}


static bool
index_read_structures(index_reader_t *r, void *to)
{
    return index_list(r, to, DMP_DOCUMENT_STRUCTURES,
                      &r->document->n_structures);
}


static bool
index_read_attachments(index_reader_t *r, void *to)
{
    return index_list(r, to, DMP_DOCUMENT_ATTACHMENTS,
                      &r->document->n_attachments);
}


static bool
index_read_status(index_reader_t *r, void *to)
{
    unsigned  status;

    if (!index_word(r, index_statuses, DMP_STATUS_MAX, &status)) {
        return false;
    }

    *(dmp_status_t *) to = (dmp_status_t) status;

    return true;
}


static bool
index_read_deposited(index_reader_t *r, void *to)
{
    dmp_scan_string_t  raw;

    if (!dmp_scan_string(&r->scan, &raw) || !dmp_day_parse(raw.raw, to)) {
        return index_wrong(r);
    }

    r->document->dated = true;

    return true;
}


#define index_to(member)  offsetof(dmp_document_t, member)

static const index_member_t  index_members[] = {
    { "id",          index_read_string,      index_to(id) },
    { "master",      index_read_string,      index_to(master) },
    { "types",       index_read_types,       0 },
    { "labels",      index_read_labels,      index_to(labels) },
    { "authors",     index_read_authors,     index_to(authors) },
    { "structures",  index_read_structures,  index_to(structures) },
    { "by_patient",  index_read_flag,        index_to(by_patient) },
    { "by_others",   index_read_flag,        index_to(by_others) },
    { "replaces",    index_read_flag,        index_to(replaces) },
    { "status",      index_read_status,      index_to(status) },
    { "archived",    index_read_flag,        index_to(archived) },
    { "deposited",   index_read_deposited,   index_to(deposited) },
    { "inlined",     index_read_flag,        index_to(inlined) },
    { "attachments", index_read_attachments, index_to(attachments) }
};


/* Any order will do here: what is not written so is told at the end. */
static bool
index_read_members(index_reader_t *r)
{
    size_t     i, n;
    dmp_str_t  name, known;

    n = sizeof(index_members) / sizeof(index_members[0]);

    if (!dmp_scan_object(&r->scan)) {
        return index_wrong(r);
    }

    while (dmp_scan_member(&r->scan, &name)) {

        for (i = 0; i < n; i++) {
            known.data = index_members[i].name;
            known.len = strlen(known.data);

            if (dmp_str_eq(name, known)) {
                break;
            }
        }

        if (i == n) {
            return index_wrong(r);
        }

        if (!index_members[i].read(r, (char *) r->document
                                      + index_members[i].offset))
        {
            return false;
        }
    }

    return dmp_scan_end(&r->scan) || index_wrong(r);
}


/* A caller that forgets to look at the return code shows it to nobody. */
static dmp_rc_t
index_refuse(dmp_document_t *document, dmp_rc_t rc)
{
    dmp_document_clear(document);
    dmp_document_spoil(document);

    return rc;
}


dmp_rc_t
dmp_index_read(char *text, size_t len, dmp_document_t *document)
{
    char            from[DMP_INDEX_TEXT_MAX], again[DMP_INDEX_TEXT_MAX];
    dmp_buf_t       b;
    index_reader_t  r;

    if (len == 0 || len > sizeof(from)) {
        return index_refuse(document, DMP_E_SYNTAX);
    }

    /* decoded strings take the place of the text, which is read elsewhere */

    memcpy(from, text, len);
    dmp_document_clear(document);
    dmp_scan_init(&r.scan, from, len);
    r.rc = DMP_OK;
    r.room = text;
    r.left = len;
    r.document = document;

    if (!index_read_members(&r)) {
        return index_refuse(document, r.rc);
    }

    dmp_buf_init(&b, again, sizeof(again));
    dmp_index_write(&b, document, document->attachments,
                    document->n_attachments);

    if (b.full || b.len != len || memcmp(again, from, len) != 0) {
        return index_refuse(document, DMP_E_UNKNOWN);
    }

    document->indexed = true;

    return DMP_OK;
}


bool
dmp_index_has(const dmp_document_t *document, dmp_str_t attachment)
{
    unsigned  i;

    for (i = 0; i < document->n_attachments; i++) {
        if (dmp_str_eq(document->attachments[i], attachment)) {
            return true;
        }
    }

    return false;
}
