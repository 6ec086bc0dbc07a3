/*
 * dmp_request_words.c: what a request says in words: justification and
 * identity traits, from headers (percent-encoded UTF-8) and from the query of
 * TD0.5.  Decoded once, into the room that the caller gave.
 */

#include "dmp_request_int.h"


#define DMP_BIRTHDATE_LEN      10        /* YYYY-MM-DD */
#define DMP_BIRTHDATE_ENCODED  30

/* One of our headers that is written in words. */
typedef struct {
    unsigned     seen;
    bool         lines;                  /* may have several */
    size_t       from;                   /* offset in dmp_headers_t */
    size_t       to;                     /* offset in dmp_request_t */
    size_t       encoded;                /* bytes */
    size_t       max;                    /* characters */
    const char  *unreadable;
    const char  *large;                  /* NULL: then it is unreadable */
} dmp_word_t;

static const dmp_word_t  dmp_words[] = {
    { DMP_SEEN_JUSTIFICATION, true, offsetof(dmp_headers_t, justification),
      offsetof(dmp_request_t, justification), DMP_JUSTIFICATION_ENCODED,
      DMP_JUSTIFICATION_MAX,
      "DMP-Justification is not percent-encoded UTF-8",
      "DMP-Justification is longer than 1000 characters or 4096 bytes" },
    { DMP_SEEN_FAMILY, false, offsetof(dmp_headers_t, family),
      offsetof(dmp_request_t, traits.family), DMP_TRAIT_ENCODED,
      DMP_TRAIT_MAX,
      "DMP-Patient-Family is not percent-encoded UTF-8",
      "DMP-Patient-Family is longer than 200 characters or 2400 bytes" },
    { DMP_SEEN_GIVEN, false, offsetof(dmp_headers_t, given),
      offsetof(dmp_request_t, traits.given), DMP_TRAIT_ENCODED,
      DMP_TRAIT_MAX,
      "DMP-Patient-Given is not percent-encoded UTF-8",
      "DMP-Patient-Given is longer than 200 characters or 2400 bytes" },
    { DMP_SEEN_BIRTHDATE, false, offsetof(dmp_headers_t, birthdate),
      offsetof(dmp_request_t, traits.birthdate), DMP_BIRTHDATE_ENCODED,
      DMP_BIRTHDATE_LEN,
      "DMP-Patient-Birthdate is not a date (YYYY-MM-DD)", NULL },
};

#define DMP_WORDS  (sizeof(dmp_words) / sizeof(dmp_words[0]))


static dmp_str_t
dmp_word_of(const dmp_headers_t *headers, const dmp_word_t *word)
{
    dmp_str_t  value;

    memcpy(&value, (const char *) headers + word->from, sizeof(value));

    return value;
}


size_t
dmp_headers_words(const dmp_headers_t *headers)
{
    size_t     i, size;
    dmp_str_t  value;

    size = 0;

    /* what is longer is refused as it stands */

    for (i = 0; i < DMP_WORDS; i++) {
        value = dmp_word_of(headers, &dmp_words[i]);
        size += (value.len <= dmp_words[i].encoded) ? value.len : 0;
    }

    return size;
}


dmp_room_t
dmp_request_room(const dmp_raw_t *raw)
{
    dmp_room_t  room;

    room.p = raw->words;
    room.end = (raw->words != NULL) ? raw->words + raw->words_size : NULL;

    return room;
}


static size_t
dmp_room_left(const dmp_room_t *room)
{
    return (room->p != NULL) ? (size_t) (room->end - room->p) : 0;
}


bool
dmp_room_copy(dmp_room_t *room, dmp_str_t text, dmp_str_t *copy)
{
    *copy = dmp_null_string;

    if (text.len > dmp_room_left(room)) {
        return false;
    }

    if (text.len != 0) {
        memcpy(room->p, text.data, text.len);
        *copy = (dmp_str_t) { room->p, text.len };
        room->p += text.len;
    }

    return true;
}


/* The byte at *i, its escape undone; *i goes to its end.  -1: it is none. */
static int
dmp_unescape_byte(dmp_str_t raw, size_t *i)
{
    int            high, low;
    unsigned char  c;

    c = (unsigned char) raw.data[*i];

    if (c != '%') {
        return ((c < 0x20 && c != '\t') || c >= 0x7f) ? -1 : c;
    }

    if (raw.len - *i < 3) {
        return -1;
    }

    high = dmp_request_hex(raw.data[*i + 1]);
    low = dmp_request_hex(raw.data[*i + 2]);
    *i += 2;

    return (high < 0 || low < 0) ? -1 : high * 16 + low;
}


/* C0, DEL or C1, which UTF-8 writes with two bytes. */
static bool
dmp_is_control(const unsigned char *p, size_t step)
{
    return (step == 1 && (*p < 0x20 || *p == 0x7f))
           || (step == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}


/* UTF-8 without control characters, of no more than max characters. */
static dmp_rc_t
dmp_check_words(dmp_str_t text, size_t max, bool lines)
{
    size_t                step, n;
    const unsigned char  *p, *end;

    if (text.len == 0) {
        return DMP_OK;
    }

    n = 0;
    p = (const unsigned char *) text.data;
    end = p + text.len;

    for ( /* void */ ; p < end; p += step) {
        step = dmp_utf8_length(p, end);

        if (step == 0) {
            return DMP_E_SYNTAX;
        }

        if (dmp_is_control(p, step)
            && !(lines && (*p == '\t' || *p == '\n' || *p == '\r')))
        {
            return DMP_E_SYNTAX;
        }

        n++;
    }

    return (n > max) ? DMP_E_LIMIT : DMP_OK;
}


dmp_rc_t
dmp_request_unescape(dmp_str_t raw, size_t max, bool lines, dmp_room_t *room,
    dmp_str_t *text)
{
    int        c;
    size_t     i, n, left;
    dmp_rc_t   rc;
    dmp_str_t  words;

    *text = dmp_null_string;
    left = dmp_room_left(room);

    for (i = 0, n = 0; i < raw.len; i++) {

        c = dmp_unescape_byte(raw, &i);
        if (c < 0) {
            return DMP_E_SYNTAX;
        }

        if (n == left) {
            return DMP_E_NOMEM;
        }

        room->p[n++] = (char) c;
    }

    words = (dmp_str_t) { room->p, n };
    rc = dmp_check_words(words, max, lines);

    if (rc == DMP_OK && n != 0) {
        *text = words;
        room->p += n;
    }

    return rc;
}


static bool
dmp_take_word(const dmp_word_t *word, dmp_str_t value, dmp_room_t *room,
    dmp_request_t *out)
{
    dmp_rc_t   rc;
    dmp_str_t  text;

    rc = DMP_E_LIMIT;

    if (value.len <= word->encoded) {
        rc = dmp_request_unescape(value, word->max, word->lines, room, &text);
    }

    switch (rc) {

    case DMP_OK:
        break;

    case DMP_E_NOMEM:
        return dmp_request_refuse(out, DMP_MAPPING_AMBIGUOUS,
                                  "there is no room for the DMP headers");

    case DMP_E_LIMIT:
        if (word->large != NULL) {
            return dmp_request_refuse(out, DMP_MAPPING_TOO_LARGE, word->large);
        }

        /* fall through */

    default:
        return dmp_request_refuse(out, DMP_MAPPING_AMBIGUOUS,
                                  word->unreadable);
    }

    if (word->seen == DMP_SEEN_BIRTHDATE) {
        text.len = dmp_birthdate_known(text);

        if (text.len == 0) {
            return dmp_request_refuse(out, DMP_MAPPING_AMBIGUOUS,
                                      word->unreadable);
        }
    }

    memcpy((char *) out + word->to, &text, sizeof(text));

    return true;
}


/* One that is claimed stays what it is: whether it is offered, G7 says. */
static dmp_mode_t
dmp_mode_of(const dmp_raw_t *raw)
{
    if (raw->headers->mode != DMP_MODE_NONE) {
        return raw->headers->mode;
    }

    return (raw->own_mode != DMP_MODE_NONE) ? raw->own_mode : DMP_MODE_NORMAL;
}


bool
dmp_request_headers(const dmp_raw_t *raw, dmp_room_t *room, dmp_request_t *out)
{
    size_t                i;
    const dmp_headers_t  *headers;

    headers = raw->headers;
    out->mode = dmp_mode_of(raw);

    if (headers->ambiguous) {
        return dmp_request_refuse(out, DMP_MAPPING_AMBIGUOUS, headers->why);
    }

    for (i = 0; i < DMP_WORDS; i++) {
        if ((headers->seen & dmp_words[i].seen)
            && !dmp_take_word(&dmp_words[i],
                              dmp_word_of(headers, &dmp_words[i]), room, out))
        {
            return false;
        }
    }

    return true;
}


/* Clients write a blank as "+", others mean it: none is taken. */
static dmp_mapping_t
dmp_check_trait(dmp_parameter_t kind, dmp_str_t value)
{
    if (kind == DMP_PARAMETER_BIRTHDATE) {
        return (dmp_birthdate_known(value) != 0) ? DMP_MAPPING_ONE
                                                 : DMP_MAPPING_AMBIGUOUS;
    }

    if (value.len == 0 || memchr(value.data, '+', value.len) != NULL) {
        return DMP_MAPPING_AMBIGUOUS;
    }

    switch (dmp_check_words(value, DMP_TRAIT_MAX, false)) {

    case DMP_OK:
        return DMP_MAPPING_ONE;

    case DMP_E_LIMIT:
        return DMP_MAPPING_TOO_LARGE;

    default:
        return DMP_MAPPING_AMBIGUOUS;
    }
}


bool
dmp_request_trait(dmp_reading_t *r, dmp_parameter_t kind, dmp_str_t value)
{
    dmp_str_t      *to;
    dmp_traits_t   *traits;
    dmp_mapping_t   mapping;

    r->out->operation = DMP_OPERATION_FIND;
    r->out->route = "Patient?family=&given=&birthdate=";

    traits = &r->out->traits;
    to = (kind == DMP_PARAMETER_FAMILY) ? &traits->family
         : (kind == DMP_PARAMETER_GIVEN) ? &traits->given
                                         : &traits->birthdate;

    mapping = dmp_check_trait(kind, value);

    if (mapping == DMP_MAPPING_TOO_LARGE) {
        return dmp_request_refuse(r->out, mapping,
                                  "a name is longer than 200 characters");
    }

    if (mapping != DMP_MAPPING_ONE) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  (kind == DMP_PARAMETER_BIRTHDATE)
                                  ? "birthdate is not a date (YYYY-MM-DD)"
                                  : "a name cannot be read in one way");
    }

    if (kind == DMP_PARAMETER_BIRTHDATE) {
        value.len = dmp_birthdate_known(value);
    }

    if (!dmp_room_copy(&r->room, value, to)) {
        return dmp_request_refuse(r->out, DMP_MAPPING_AMBIGUOUS,
                                  "there is no room for the traits");
    }

    return true;
}
