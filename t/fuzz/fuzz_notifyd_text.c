/*
 * fuzz_notifyd_text.c: any bytes as a template, an address, a number and a
 * configuration.  Nothing crashes; what is accepted can be filled in and
 * encoded, and nothing of it ends a line of SMTP or HTTP.
 */

#include <stdlib.h>

#include "../../tools/notifyd_conf.h"


#define ALL  (TEXT_BIT(TEXT_WORDS) - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


/* Lines of at most 76 characters of ASCII, none of them a full stop alone. */
static void
must_be_mail(dmp_buf_t *b)
{
    size_t  i, column;

    for (i = 0, column = 0; i < b->len; i++) {
        if (b->data[i] == '\r') {
            must(i + 1 < b->len && b->data[i + 1] == '\n' && column <= 76);
            i++;
            column = 0;
            continue;
        }

        must(b->data[i] >= ' ' && b->data[i] < 0x7f);
        must(column != 0 || b->data[i] != '.');
        column++;
    }

    must(column == 0);
}


static void
check_texts(dmp_str_t text)
{
    static char    filled[TEXT_FILE_MAX * 4], coded[TEXT_FILE_MAX * 20];
    size_t         i, places;
    dmp_buf_t      b, e;
    text_values_t  v;

    for (i = 0; i < TEXT_WORDS; i++) {
        v.value[i] = dmp_string("{x}");
    }

    dmp_buf_init(&b, filled, sizeof(filled));
    text_fill(&b, text, &v);
    must(!b.full);                       /* a placeholder is not shorter */

    dmp_buf_init(&e, coded, sizeof(coded));
    text_quoted(&e, (dmp_str_t) { b.data, b.len });
    must(!e.full);
    must_be_mail(&e);

    dmp_buf_init(&e, coded, sizeof(coded));
    text_form(&e, (dmp_str_t) { b.data, b.len });
    must(!e.full);

    if (text_gsm((dmp_str_t) { b.data, b.len }, &places)) {
        must(places <= b.len * 2);
    }
}


static void
check_mail(const text_mail_t *mail)
{
    size_t     i;
    char       coded[TEXT_SUBJECT_MAX * 4];
    dmp_buf_t  b;

    must(mail->subject.len > 0 && mail->subject.len <= TEXT_SUBJECT_MAX);
    must(memchr(mail->subject.data, '\n', mail->subject.len) == NULL);

    dmp_buf_init(&b, coded, sizeof(coded));
    text_header(&b, mail->subject);
    must(!b.full);

    for (i = 0; i < b.len; i++) {
        /* a line ends only where the next one goes on with it */
        must(b.data[i] != '\r' || (i + 2 < b.len && b.data[i + 1] == '\n'
                                   && b.data[i + 2] == ' '));
        must((b.data[i] >= ' ' && b.data[i] < 0x7f) || b.data[i] == '\r'
             || b.data[i] == '\n');
    }

    check_texts(mail->body);
}


static void
check_addresses(dmp_str_t text)
{
    char    phone[TEXT_PHONE_MAX];
    size_t  i;

    if (text_email(text)) {
        must(text.len <= TEXT_EMAIL_MAX);

        for (i = 0; i < text.len; i++) {
            must(text.data[i] > ' ' && text.data[i] < 0x7f
                 && text.data[i] != '<' && text.data[i] != '>');
        }
    }

    if (text_phone(text, "33", phone)) {
        i = phone[0] == '+';
        must(strlen(phone) < TEXT_PHONE_MAX
             && strspn(phone + i, "0123456789") == strlen(phone + i));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char         *copy;
    conf_t        conf;
    dmp_str_t     text, sms;
    text_mail_t   mail;
    dmp_error_t   error;

    if (size > TEXT_FILE_MAX + 1) {
        return 0;
    }

    /* a block of its own: reading past its end is seen */
    copy = malloc(size > 0 ? size : 1);
    must(copy != NULL);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    text = (dmp_str_t) { copy, size };

    if (text_mail(text, ALL, &mail, &error) == DMP_OK) {
        check_mail(&mail);
    }

    if (text_sms(text, ALL, &sms, &error) == DMP_OK) {
        check_texts(sms);
    }

    check_addresses(text);

    if (conf_parse(text, &conf, &error) == DMP_OK) {
        must(conf.smtp.host != NULL || conf.sms.url != NULL);
        must(conf.smtp.host == NULL || conf.smtp.tls != CONF_PLAIN
             || conf.smtp.plain_on_loopback);

    } else {
        must(error.text[0] != '\0');
    }

    conf_free(&conf);
    free(copy);

    return 0;
}
