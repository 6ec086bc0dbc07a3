/*
 * dmp_filter.c: what the readers of an answer want changed, collected as they
 * go; the pieces that leave; and the answers that are one resource.
 */

#include "dmp_document_int.h"


void
dmp_edits_init(dmp_edits_t *e, const dmp_filter_t *filter, const char *text,
    size_t len)
{
    e->filter = filter;
    e->text = text;
    e->len = len;
    e->list = e->first;
    e->n = 0;
    e->max = DMP_EDITS_FIRST;
    e->failed = false;
}


char *
dmp_edits_room(dmp_edits_t *e, size_t size)
{
    char  *room;

    room = e->filter->alloc(e->filter->alloc_data, size);

    if (room == NULL) {
        e->failed = true;
    }

    return room;
}


static bool
dmp_edits_grow(dmp_edits_t *e)
{
    dmp_edit_t  *list;

    list = (dmp_edit_t *) (void *)
               dmp_edits_room(e, 2 * e->max * sizeof(dmp_edit_t));

    if (list == NULL) {
        return false;
    }

    memcpy(list, e->list, e->n * sizeof(dmp_edit_t));
    e->list = list;
    e->max *= 2;

    return true;
}


void
dmp_edits_replace(dmp_edits_t *e, size_t from, size_t to, dmp_str_t with)
{
    if (with.len == 0 && e->n != 0 && e->list[e->n - 1].to == from
        && e->list[e->n - 1].with.len == 0)
    {
        e->list[e->n - 1].to = to;
        return;
    }

    if (e->n == e->max && !dmp_edits_grow(e)) {
        return;
    }

    e->list[e->n].from = from;
    e->list[e->n].to = to;
    e->list[e->n++].with = with;
}


static bool
dmp_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}


/* Back over the white space before; what is dropped is inside of something. */
static size_t
dmp_edits_back(const dmp_edits_t *e, size_t from)
{
    while (from > 0 && dmp_is_space(e->text[from - 1])) {
        from--;
    }

    return from;
}


static size_t
dmp_edits_forth(const dmp_edits_t *e, size_t to)
{
    while (to < e->len && dmp_is_space(e->text[to])) {
        to++;
    }

    return to;
}


void
dmp_edits_drop(dmp_edits_t *e, size_t from, size_t to)
{
    size_t  before, after;

    before = dmp_edits_back(e, from);

    /* one that begins where another ended has no comma before it any more */

    if ((e->n == 0 || e->list[e->n - 1].to != from)
        && before > 0 && e->text[before - 1] == ',')
    {
        dmp_edits_replace(e, dmp_edits_back(e, before - 1), to,
                          dmp_null_string);
        return;
    }

    after = dmp_edits_forth(e, to);

    if (after < e->len && e->text[after] == ',') {
        to = dmp_edits_forth(e, after + 1);
    }

    dmp_edits_replace(e, from, to, dmp_null_string);
}


static bool
dmp_is_bare(dmp_str_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~' || text.data[i] == '"'
            || text.data[i] == '\\')
        {
            return false;
        }
    }

    return true;
}


void
dmp_edits_string(dmp_edits_t *e, dmp_str_t raw, dmp_str_t with)
{
    char       *room;
    size_t      from;
    dmp_buf_t   b;

    if (!dmp_is_bare(with)) {
        room = dmp_edits_room(e, 6 * with.len + 2);

        if (room == NULL) {
            return;
        }

        dmp_buf_init(&b, room, 6 * with.len + 2);
        dmp_buf_json(&b, with);
        with.data = b.data + 1;
        with.len = b.len - 2;
    }

    from = (size_t) (raw.data - e->text);
    dmp_edits_replace(e, from, from + raw.len, with);
}


dmp_str_t
dmp_edits_text(dmp_edits_t *e, const dmp_scan_string_t *raw)
{
    char       *room;
    dmp_str_t   text;

    if (!raw->escaped) {
        return raw->raw;
    }

    room = dmp_edits_room(e, raw->raw.len);
    text.data = room;

    if (room == NULL
        || !dmp_scan_decode(raw, room, raw->raw.len, &text.len))
    {
        return dmp_null_string;
    }

    return text;
}


bool
dmp_edits_address(dmp_edits_t *e, const dmp_scan_string_t *raw, dmp_str_t text)
{
    char                   *room;
    size_t                  n, from;
    dmp_str_t               rest;
    dmp_address_t           whose;
    const dmp_addresses_t  *addresses;

    addresses = e->filter->addresses;

    if (addresses == NULL || addresses->n_bases == 0) {
        return true;
    }

    whose = dmp_address_read(addresses, text, &n);

    if (whose != DMP_ADDRESS_HOST) {

        /* readers drop control characters, and turn backslashes round */

        return whose != DMP_ADDRESS_ODD
               && (!raw->escaped || dmp_is_bare(text));
    }

    rest.data = text.data + n;
    rest.len = text.len - n;

    if (!dmp_address_is_plain(rest)) {
        return false;
    }

    if (!raw->escaped) {
        from = (size_t) (raw->raw.data - e->text);
        dmp_edits_replace(e, from, from + n, addresses->ours);
        return true;
    }

    room = dmp_edits_room(e, addresses->ours.len + rest.len);

    if (room != NULL) {
        memcpy(room, addresses->ours.data, addresses->ours.len);
        memcpy(room + addresses->ours.len, rest.data, rest.len);
        dmp_edits_string(e, raw->raw, (dmp_str_t) { room,
                                          addresses->ours.len + rest.len });
    }

    return true;
}


static void
dmp_piece(dmp_cut_t *out, const char *data, size_t len)
{
    if (len != 0) {
        out->pieces[out->n_pieces].data = data;
        out->pieces[out->n_pieces++].len = len;
        out->size += len;
    }
}


dmp_rc_t
dmp_edits_pieces(dmp_edits_t *e, dmp_cut_t *out)
{
    size_t  i, at;

    out->n_pieces = 0;
    out->size = 0;
    out->pieces = (dmp_str_t *) (void *)
                      dmp_edits_room(e, (2 * e->n + 1) * sizeof(dmp_str_t));

    if (e->failed) {
        memset(out, 0, sizeof(dmp_cut_t));
        return DMP_E_NOMEM;
    }

    at = 0;

    for (i = 0; i < e->n; i++) {
        dmp_piece(out, e->text + at, e->list[i].from - at);
        dmp_piece(out, e->list[i].with.data, e->list[i].with.len);
        at = e->list[i].to;
    }

    dmp_piece(out, e->text + at, e->len - at);

    return DMP_OK;
}


dmp_rc_t
dmp_filter_document(const dmp_filter_t *f, const char *json, size_t len,
    dmp_document_t *document, dmp_cut_t *out)
{
    dmp_rc_t     rc;
    dmp_scan_t   s;
    dmp_edits_t  edits;

    memset(out, 0, sizeof(dmp_cut_t));

    dmp_scan_init(&s, json, len);
    dmp_scan_limit(&s, f->max_depth);
    dmp_edits_init(&edits, f, json, len);

    if (f->shapes != NULL) {
        dmp_scan_remember(&s, f->shapes);
    }

    if (!dmp_document_read_edited(f->policy, &s, &edits, document, &rc)
        || !dmp_scan_end(&s))
    {
        rc = dmp_scan_rc(&s);
    }

    if (rc == DMP_OK) {
        rc = dmp_edits_pieces(&edits, out);
    }

    if (rc != DMP_OK) {
        dmp_document_spoil(document);
    }

    return rc;
}


bool
dmp_scan_is(dmp_scan_t *s, dmp_str_t text, bool *is)
{
    dmp_scan_string_t  value;

    *is = false;

    if (dmp_scan_peek(s) != DMP_SCAN_STRING) {
        return dmp_scan_skip(s, NULL);
    }

    if (!dmp_scan_string(s, &value)) {
        return false;
    }

    *is = dmp_scan_string_eq(&value, text);

    return true;
}


dmp_rc_t
dmp_filter_capabilities(const char *json, size_t len, unsigned max_depth)
{
    bool        is;
    dmp_str_t   name;
    dmp_scan_t  s;

    dmp_scan_init(&s, json, len);
    dmp_scan_limit(&s, max_depth);

    is = false;

    if (dmp_scan_peek(&s) != DMP_SCAN_OBJECT) {
        (void) (dmp_scan_skip(&s, NULL) && dmp_scan_end(&s));
        return s.error != DMP_SCAN_OK ? dmp_scan_rc(&s) : DMP_E_UNKNOWN;
    }

    (void) dmp_scan_object(&s);          /* sticky: member() fails as well */

    while (dmp_scan_member(&s, &name)) {
        if (dmp_str_eq(name, dmp_string("resourceType"))
            ? !dmp_scan_is(&s, dmp_string("CapabilityStatement"), &is)
            : !dmp_scan_skip(&s, NULL))
        {
            break;
        }
    }

    if (!dmp_scan_end(&s)) {
        return dmp_scan_rc(&s);
    }

    return is ? DMP_OK : DMP_E_UNKNOWN;
}
