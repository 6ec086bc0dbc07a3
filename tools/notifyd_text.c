/*
 * notifyd_text.c: what is written to patients: templates, filled in, and the
 * alphabet of SMS.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "notifyd_text.h"


#define TEXT_VALUE_MAX  8192             /* of one string of JSON, filled in */

static const char *const  text_words[TEXT_WORDS] = {
    "date", "time", "place", "code", "password", "identifier", "to", "text",
    "id", "secret"
};

/* Characters beyond ASCII of the GSM alphabet, and those that take two. */
static const char  text_gsm_one[] =
    "£¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";
static const char  text_gsm_two[] = "^{}\\[~]|€";


__attribute__((format(printf, 4, 5)))
static dmp_rc_t
text_error(dmp_error_t *error, unsigned line, dmp_rc_t rc, const char *format,
    ...)
{
    va_list  args;

    va_start(args, format);
    error->line = line;
    (void) vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);

    return rc;
}


/*
 * The placeholder at the beginning of a text that begins with a brace;
 * *len is its length.  TEXT_WORDS: none that we know.
 */
static text_word_t
text_word(dmp_str_t text, size_t *len)
{
    size_t        i, n;
    dmp_str_t     word;
    text_word_t   found;
    const char   *end;

    found = TEXT_WORDS;
    end = memchr(text.data, '}', text.len);
    n = end != NULL ? (size_t) (end - text.data) : text.len;
    word = (dmp_str_t) { text.data + 1, n - 1 };
    *len = end != NULL ? n + 1 : n;

    for (i = 0; end != NULL && i < TEXT_WORDS; i++) {
        if (dmp_str_eq(word, (dmp_str_t) { text_words[i],
                                           strlen(text_words[i]) }))
        {
            found = (text_word_t) i;
        }
    }

    return found;
}


/* How much of a wrong placeholder is shown: to the end of its line. */
static int
text_shown(dmp_str_t text, size_t len)
{
    size_t       n;
    const char  *end;

    n = len < 40 ? len : 40;
    end = memchr(text.data, '\n', n);

    return (int) (end != NULL ? (size_t) (end - text.data) : n);
}


dmp_rc_t
text_check(dmp_str_t text, unsigned allowed, dmp_error_t *error)
{
    size_t                i, n;
    unsigned              line;
    dmp_str_t             rest;
    text_word_t           word;
    const unsigned char  *p;

    p = (const unsigned char *) text.data;
    line = 1;

    for (i = 0; i < text.len; i += n) {
        n = dmp_utf8_length(p + i, p + text.len);

        if (n == 0) {
            return text_error(error, line, DMP_E_SYNTAX, "not UTF-8");
        }

        if (p[i] == '\n') {
            line++;

        } else if (p[i] < ' ' || p[i] == 0x7f) {
            return text_error(error, line, DMP_E_SYNTAX,
                              "control character %u", p[i]);

        } else if (p[i] == '}') {
            return text_error(error, line, DMP_E_SYNTAX,
                              "\"}\" without its \"{\"");

        } else if (p[i] == '{') {
            rest = (dmp_str_t) { text.data + i, text.len - i };
            word = text_word(rest, &n);

            if (word == TEXT_WORDS) {
                return text_error(error, line, DMP_E_UNKNOWN,
                                  "\"%.*s\" is no placeholder",
                                  text_shown(rest, n), rest.data);
            }

            if ((allowed & TEXT_BIT(word)) == 0) {
                return text_error(error, line, DMP_E_UNKNOWN,
                                  "\"{%s}\" must not stand here",
                                  text_words[word]);
            }
        }
    }

    return DMP_OK;
}


void
text_fill(dmp_buf_t *b, dmp_str_t text, const text_values_t *values)
{
    size_t        i, n;
    dmp_str_t     rest;
    text_word_t   word;
    const char   *brace;

    for (i = 0; i < text.len; i += n) {
        rest = (dmp_str_t) { text.data + i, text.len - i };
        brace = memchr(rest.data, '{', rest.len);
        n = brace != NULL ? (size_t) (brace - rest.data) : rest.len;

        if (n != 0) {
            dmp_buf_add(b, rest.data, n);
            continue;
        }

        word = text_word(rest, &n);

        if (word != TEXT_WORDS) {
            dmp_buf_str(b, values->value[word]);

        } else {
            b->full = true;          /* it was not checked */
        }
    }
}


/* The text without line feeds at its end. */
static dmp_str_t
text_trim(dmp_str_t text)
{
    while (text.len != 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }

    return text;
}


dmp_rc_t
text_mail(dmp_str_t file, unsigned allowed, text_mail_t *mail,
    dmp_error_t *error)
{
    dmp_rc_t     rc;
    const char  *end;

    memset(mail, 0, sizeof(*mail));

    if (file.len > TEXT_FILE_MAX) {
        return text_error(error, 0, DMP_E_LIMIT, "longer than %d bytes",
                          TEXT_FILE_MAX);
    }

    rc = text_check(file, allowed, error);
    if (rc != DMP_OK) {
        return rc;
    }

    end = file.len != 0 ? memchr(file.data, '\n', file.len) : NULL;

    if (end == NULL || end == file.data
        || end - file.data > TEXT_SUBJECT_MAX)
    {
        return text_error(error, 1, DMP_E_SYNTAX, "the first line is the "
                          "subject: 1 to %d bytes", TEXT_SUBJECT_MAX);
    }

    mail->subject = (dmp_str_t) { file.data, (size_t) (end - file.data) };
    file.data += mail->subject.len + 1;
    file.len -= mail->subject.len + 1;

    if (file.len == 0 || file.data[0] != '\n') {
        return text_error(error, 2, DMP_E_SYNTAX,
                          "the second line must be empty");
    }

    mail->body = text_trim((dmp_str_t) { file.data + 1, file.len - 1 });

    if (mail->body.len == 0) {
        return text_error(error, 3, DMP_E_SYNTAX, "there is no text");
    }

    return DMP_OK;
}


dmp_rc_t
text_sms(dmp_str_t file, unsigned allowed, dmp_str_t *sms, dmp_error_t *error)
{
    dmp_rc_t  rc;

    *sms = dmp_null_string;

    if (file.len > TEXT_FILE_MAX) {
        return text_error(error, 0, DMP_E_LIMIT, "longer than %d bytes",
                          TEXT_FILE_MAX);
    }

    rc = text_check(file, allowed, error);
    if (rc != DMP_OK) {
        return rc;
    }

    file = text_trim(file);

    if (file.len == 0) {
        return text_error(error, 1, DMP_E_SYNTAX, "there is no text");
    }

    *sms = file;

    return DMP_OK;
}


/* Whether a character of n bytes is one of the list's. */
static bool
text_listed(const char *list, const char *c, size_t n)
{
    size_t                m;
    const unsigned char  *p, *end;

    p = (const unsigned char *) list;
    end = p + strlen(list);

    for ( /* p */ ; p < end; p += m) {
        m = dmp_utf8_length(p, end);

        if (m == n && memcmp(p, c, n) == 0) {
            return true;
        }
    }

    return false;
}


bool
text_gsm(dmp_str_t text, size_t *places)
{
    size_t       i, n;
    const char  *c;

    *places = 0;

    for (i = 0; i < text.len; i += n) {
        c = text.data + i;
        n = dmp_utf8_length((const unsigned char *) c,
                            (const unsigned char *) text.data + text.len);
        if (n == 0) {
            return false;
        }

        if (text_listed(text_gsm_two, c, n)) {
            *places += 2;

        } else if ((n == 1 && ((*c >= ' ' && *c < 0x7f && *c != '`')
                               || *c == '\n'))
                   || text_listed(text_gsm_one, c, n))
        {
            *places += 1;

        } else {
            return false;
        }
    }

    return true;
}


json_t *
text_json(const json_t *value, const text_values_t *values)
{
    char        *text;
    void        *at;
    json_t      *made, *part;
    size_t       i;
    dmp_buf_t    b;
    json_t      *from;

    /* jansson's readers of a value take no const */
    from = (json_t *) (uintptr_t) value;

    switch (json_typeof(from)) {

    case JSON_OBJECT:
        made = json_object();

        for (at = json_object_iter(from); made != NULL && at != NULL;
             at = json_object_iter_next(from, at))
        {
            part = text_json(json_object_iter_value(at), values);

            if (json_object_set_new(made, json_object_iter_key(at), part)
                != 0)
            {
                json_decref(made);
                made = NULL;
            }
        }

        return made;

    case JSON_ARRAY:
        made = json_array();

        for (i = 0; made != NULL && i < json_array_size(from); i++) {
            part = text_json(json_array_get(from, i), values);

            if (json_array_append_new(made, part) != 0) {
                json_decref(made);
                made = NULL;
            }
        }

        return made;

    case JSON_STRING:
        text = malloc(TEXT_VALUE_MAX);
        if (text == NULL) {
            return NULL;
        }

        dmp_buf_init(&b, text, TEXT_VALUE_MAX);
        text_fill(&b, (dmp_str_t) { json_string_value(from),
                                    json_string_length(from) }, values);
        made = b.full ? NULL : json_stringn(b.data, b.len);
        OPENSSL_cleanse(text, TEXT_VALUE_MAX);
        free(text);

        return made;

    default:
        return json_deep_copy(from);
    }
}
