/*
 * notifyd_text.h: the texts of notices, and what carries them: templates,
 * addresses, the encodings of mails, forms and JSON, the alphabet of SMS.  No
 * I/O, and nothing of what is filled in is kept.
 */

#ifndef TOOL_NOTIFYD_TEXT_H
#define TOOL_NOTIFYD_TEXT_H

#include <jansson.h>

#include <dmp/dmp.h>


#define TEXT_FILE_MAX     4096           /* bytes of a template */
#define TEXT_SUBJECT_MAX  200
#define TEXT_SMS_MAX      160            /* characters of one SMS */
#define TEXT_EMAIL_MAX    254            /* RFC 5321, 4.5.3.1.3 */
#define TEXT_PHONE_MAX    17             /* "+", fifteen digits, NUL */

/* All placeholders there are.  Of a person, none but their own secrets. */
typedef enum {
    TEXT_DATE = 0,                       /* "{date}": in Europe/Paris */
    TEXT_TIME,
    TEXT_PLACE,                          /* where one signs in */
    TEXT_CODE,
    TEXT_PASSWORD,
    TEXT_IDENTIFIER,
    TEXT_TO,                             /* these four: what an SMS is sent */
    TEXT_TEXT,                           /* with */
    TEXT_ID,
    TEXT_SECRET,
    TEXT_WORDS
} text_word_t;

#define TEXT_BIT(word)  (1u << (word))

typedef struct {
    dmp_str_t  value[TEXT_WORDS];
} text_values_t;

/* A template for mail: a subject, an empty line, a text. */
typedef struct {
    dmp_str_t  subject;
    dmp_str_t  body;
} text_mail_t;

/*
 * Whether it is UTF-8 without control characters but line feeds, and each
 * brace part of a placeholder out of "allowed" (bits).  Else DMP_E_SYNTAX or
 * DMP_E_UNKNOWN, and *error has line and text.
 */
dmp_rc_t text_check(dmp_str_t text, unsigned allowed, dmp_error_t *error);

/*
 * A whole file as a mail, or as an SMS; what they point to is the file's.
 * Checked as above; DMP_E_LIMIT if it is too long.
 */
dmp_rc_t text_mail(dmp_str_t file, unsigned allowed, text_mail_t *mail,
    dmp_error_t *error);
dmp_rc_t text_sms(dmp_str_t file, unsigned allowed, dmp_str_t *sms,
    dmp_error_t *error);

/*
 * Appends a checked text with its placeholders filled in.  What is filled in
 * is not looked at again.
 */
void text_fill(dmp_buf_t *b, dmp_str_t text, const text_values_t *values);

/*
 * How many places it takes of the 160 of an SMS: characters of the GSM
 * alphabet (3GPP TS 23.038, 6.2.1), those of its extension twice.  False if
 * one is of neither, so that only 70 fit.
 */
bool text_gsm(dmp_str_t text, size_t *places);

/*
 * Day and time of an instant in France: "03/02/2026", "14 h 05", in characters
 * that an SMS has.  False if it does not fit or is no instant.
 */
bool text_day(dmp_buf_t *b, int64_t unix_ms);
bool text_clock(dmp_buf_t *b, int64_t unix_ms);

/* "Date:" of a mail, in UTC (RFC 5322, 3.3). */
bool text_mail_date(dmp_buf_t *b, int64_t unix_ms);

/* A header's text: as it is, or in encoded words (RFC 2047), folded. */
void text_header(dmp_buf_t *b, dmp_str_t text);

/* A mail's text as quoted-printable (RFC 2045, 6.7), lines ended by CRLF. */
void text_quoted(dmp_buf_t *b, dmp_str_t text);

/* A name or value of application/x-www-form-urlencoded. */
void text_form(dmp_buf_t *b, dmp_str_t text);

/*
 * A JSON value like this one, its strings filled in; NULL without memory, or
 * if one does not fit into 8 KiB.
 */
json_t *text_json(const json_t *value, const text_values_t *values);

/* An address that can stand in an SMTP command as it is, in ASCII. */
bool text_email(dmp_str_t address);

/*
 * A number as "+33612345678": blanks, dots, hyphens and parentheses are taken
 * out; one that begins with a single 0 is of that country ("33"), if one is
 * given.  False if it is no number.
 */
bool text_phone(dmp_str_t number, const char *country,
    char out[TEXT_PHONE_MAX]);

#endif
