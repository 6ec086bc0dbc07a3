/*
 * notifyd_encode.c: the encodings of what is sent: headers and texts of mails,
 * forms, addresses, dates.
 */

#include <stdio.h>
#include <time.h>

#include <openssl/evp.h>

#include "notifyd_text.h"


#define ENCODE_LINE   76                 /* RFC 2045, 6.7, rule 5 */
#define ENCODE_WORD   39                 /* bytes of an encoded word's text:
                                            with "Subject: " under 76 */
#define ENCODE_PLAIN  60                 /* of a header that is not encoded */
#define ENCODE_DAY    86400
#define ENCODE_LAST   4102444800         /* the year 2100 */


static bool
encode_plain(dmp_str_t text)
{
    size_t  i;

    if (text.len > ENCODE_PLAIN) {
        return false;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] >= 0x7f
            || (text.data[i] == '=' && i + 1 < text.len
                && text.data[i + 1] == '?'))
        {
            return false;
        }
    }

    return true;
}


void
text_header(dmp_buf_t *b, dmp_str_t text)
{
    int                   len;
    size_t                n, more;
    unsigned char         word[ENCODE_WORD * 2];
    const unsigned char  *p, *end;

    if (encode_plain(text)) {
        dmp_buf_str(b, text);
        return;
    }

    p = (const unsigned char *) text.data;
    end = p + text.len;

    while (p < end) {
        /* a character never stands in two words (RFC 2047, 5) */
        for (n = 0; p + n < end; n += more) {
            more = dmp_utf8_length(p + n, end);

            if (more == 0 || n + more > ENCODE_WORD) {
                break;
            }
        }

        if (n == 0) {
            b->full = true;          /* not UTF-8: it was not checked */
            return;
        }

        len = EVP_EncodeBlock(word, p, (int) n);
        dmp_buf_text(b, "=?UTF-8?B?");
        dmp_buf_add(b, (const char *) word, (size_t) len);
        dmp_buf_text(b, "?=");
        p += n;

        if (p < end) {
            dmp_buf_text(b, "\r\n ");
        }
    }
}


/* A byte as it is, or as "=2E"; soft line breaks keep lines under 77. */
static void
encode_quoted(dmp_buf_t *b, unsigned char c, bool plain, size_t *column)
{
    char    out[4];
    size_t  n;

    n = plain ? 1 : 3;

    if (*column + n > ENCODE_LINE - 1) {
        dmp_buf_text(b, "=\r\n");
        *column = 0;
    }

    /* a full stop on its own would end the mail for SMTP */
    if (*column == 0 && c == '.') {
        plain = false;
        n = 3;
    }

    if (plain) {
        out[0] = (char) c;

    } else {
        (void) snprintf(out, sizeof(out), "=%02X", c);
    }

    dmp_buf_add(b, out, n);
    *column += n;
}


void
text_quoted(dmp_buf_t *b, dmp_str_t text)
{
    bool                  last, plain;
    size_t                i, column;
    const unsigned char  *p;

    p = (const unsigned char *) text.data;
    column = 0;

    for (i = 0; i < text.len; i++) {
        if (p[i] == '\n') {
            dmp_buf_text(b, "\r\n");
            column = 0;
            continue;
        }

        last = i + 1 == text.len || p[i + 1] == '\n';
        plain = (p[i] > ' ' && p[i] < 0x7f && p[i] != '=')
                || (p[i] == ' ' && !last);
        encode_quoted(b, p[i], plain, &column);
    }

    dmp_buf_text(b, "\r\n");
}


static bool
encode_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}


void
text_form(dmp_buf_t *b, dmp_str_t text)
{
    char    out[4];
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (encode_alnum(text.data[i])
            || (text.data[i] != '\0' && strchr("-._~", text.data[i]) != NULL))
        {
            dmp_buf_add(b, &text.data[i], 1);
            continue;
        }

        (void) snprintf(out, sizeof(out), "%%%02X",
                        (unsigned char) text.data[i]);
        dmp_buf_add(b, out, 3);
    }
}


bool
text_email(dmp_str_t address)
{
    size_t  i, at;
    char    c;

    at = address.len;

    if (address.len > TEXT_EMAIL_MAX) {
        return false;
    }

    for (i = 0; i < address.len; i++) {
        c = address.data[i];

        if (c == '@') {
            if (at != address.len || i == 0 || i > 64) {
                return false;
            }

            at = i;

        } else if (at != address.len) {
            if (!encode_alnum(c)
                && ((c != '-' && c != '.') || i == at + 1
                    || i + 1 == address.len || address.data[i - 1] == '.'))
            {
                return false;
            }

        } else if (!encode_alnum(c)
                   && (c == '\0' || strchr("!#$%&'*+-/=?^_`{|}~.", c) == NULL))
        {
            return false;
        }
    }

    return at != address.len && at + 1 < address.len;
}


bool
text_phone(dmp_str_t number, const char *country, char out[TEXT_PHONE_MAX])
{
    char        digits[TEXT_PHONE_MAX];
    char        c;
    bool        plus;
    size_t      i, n;
    dmp_buf_t   b;

    plus = false;
    n = 0;
    out[0] = '\0';

    for (i = 0; i < number.len; i++) {
        c = number.data[i];

        if (c >= '0' && c <= '9') {
            if (n == 15) {
                return false;
            }

            digits[n++] = c;

        } else if (c == '+') {
            if (plus || n != 0) {
                return false;
            }

            plus = true;

        } else if (c == '\0' || strchr(" .-()", c) == NULL) {
            return false;
        }
    }

    if (n < 6) {
        return false;
    }

    dmp_buf_init(&b, out, TEXT_PHONE_MAX - 1);
    i = 0;

    if (plus) {
        dmp_buf_text(&b, "+");

    } else if (country != NULL && digits[0] == '0' && digits[1] != '0') {
        dmp_buf_text(&b, "+");
        dmp_buf_text(&b, country);
        i = 1;
    }

    dmp_buf_add(&b, digits + i, n - i);
    out[b.len] = '\0';

    return !b.full;
}


/*
 * Hours that clocks in France are before UTC.  At half past ten in the evening,
 * UTC, it is already the next day there in summer; they change at one in the
 * morning, so that the evening of that day, or the one before, tells.
 */
static int
encode_hours(int64_t sec)
{
    int64_t  day, evening;

    day = sec / ENCODE_DAY;

    if (sec % ENCODE_DAY < 3600 && day > 0) {
        day--;
    }

    evening = day * ENCODE_DAY + 22 * 3600 + 1800;

    return dmp_day_paris(evening) != day ? 2 : 1;
}


/* The instant's parts in France, or in UTC. */
static bool
encode_parts(int64_t unix_ms, bool paris, struct tm *tm)
{
    time_t   t;
    int64_t  sec;

    sec = unix_ms / 1000;

    if (unix_ms < 0 || sec > ENCODE_LAST) {
        return false;
    }

    t = (time_t) (paris ? sec + encode_hours(sec) * 3600 : sec);

    return gmtime_r(&t, tm) != NULL;
}


bool
text_day(dmp_buf_t *b, int64_t unix_ms)
{
    char       text[40];
    struct tm  tm;

    if (!encode_parts(unix_ms, true, &tm)) {
        return false;
    }

    (void) snprintf(text, sizeof(text), "%02d/%02d/%04d", tm.tm_mday,
                    tm.tm_mon + 1, tm.tm_year + 1900);
    dmp_buf_text(b, text);

    return !b->full;
}


bool
text_clock(dmp_buf_t *b, int64_t unix_ms)
{
    char       text[16];
    struct tm  tm;

    if (!encode_parts(unix_ms, true, &tm)) {
        return false;
    }

    (void) snprintf(text, sizeof(text), "%d h %02d", tm.tm_hour % 24,
                    tm.tm_min % 60);
    dmp_buf_text(b, text);

    return !b->full;
}


bool
text_mail_date(dmp_buf_t *b, int64_t unix_ms)
{
    char       text[64];
    struct tm  tm;

    /* not strftime(): these names are not those of a locale */
    static const char *const  days[] = {
        "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
    };
    static const char *const  months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
        "Nov", "Dec"
    };

    if (!encode_parts(unix_ms, false, &tm)) {
        return false;
    }

    (void) snprintf(text, sizeof(text), "%s, %d %s %d %02d:%02d:%02d +0000",
                    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    dmp_buf_text(b, text);

    return !b->full;
}
