/*
 * fuzz_account.c: what is typed or kept for an account, by the first byte: an
 * account as JSON, an identifier, a password, an address.  No crash; what is
 * taken is sound, and says the same when it is read again.
 */

#include <stdlib.h>

#include <dmp/dmp_session.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


static void
account(dmp_str_t json)
{
    char           text[DMP_ACCOUNT_MAX];
    dmp_buf_t      b;
    dmp_account_t  first, second;

    static const dmp_account_t  none;

    memset(&first, 0xff, sizeof(first));

    if (dmp_account_read(json, &first) != DMP_OK) {
        must(memcmp(&first, &none, sizeof(none)) == 0);
        return;
    }

    must(memchr(first.channel, '\0', sizeof(first.channel)) != NULL);
    must(first.channel[0] == '\0' || strcmp(first.channel, "sms") == 0
         || strcmp(first.channel, "email") == 0);

    dmp_buf_init(&b, text, sizeof(text));
    dmp_account_write(&b, &first);
    must(!b.full);
    must(dmp_account_read((dmp_str_t) { b.data, b.len }, &second) == DMP_OK);
    must(memcmp(first.salt, second.salt, sizeof(first.salt)) == 0);
    must(memcmp(first.hash, second.hash, sizeof(first.hash)) == 0);
    must(first.temporary == second.temporary);
    must(strcmp(first.channel, second.channel) == 0);
}


/* One letter of it otherwise, and it is none. */
static void
identifier(dmp_str_t typed)
{
    char    c, first[DMP_IDENTIFIER_LEN], second[DMP_IDENTIFIER_LEN];
    size_t  i;

    static const char  none[DMP_IDENTIFIER_LEN];

    memset(first, 'x', sizeof(first));

    if (!dmp_identifier_read(typed, first)) {
        must(memcmp(first, none, sizeof(none)) == 0);
        return;
    }

    must(dmp_identifier_read((dmp_str_t) { first, sizeof(first) }, second));
    must(memcmp(first, second, sizeof(first)) == 0);

    for (i = 0; i < sizeof(first); i++) {
        c = first[i];
        first[i] = (c == 'Z') ? '0' : 'Z';
        must(!dmp_identifier_read((dmp_str_t) { first, sizeof(first) },
                                  second));
        first[i] = c;
    }
}


/* The first line is the identifier, what follows the password. */
static void
password(dmp_str_t text)
{
    size_t                i, n, letters;
    dmp_str_t             id;
    const char           *end, *why;
    const unsigned char  *p;

    end = (text.len != 0) ? memchr(text.data, '\n', text.len) : NULL;
    id = dmp_null_string;

    if (end != NULL) {
        id = (dmp_str_t) { text.data, (size_t) (end - text.data) };
        text.data = end + 1;
        text.len -= id.len + 1;
    }

    why = dmp_password_refused(text, id);
    must(why == NULL || (*why != '\0' && why[strlen(why) - 1] == '.'));

    if (why != NULL) {
        return;
    }

    must(text.len <= DMP_PASSWORD_MAX);
    p = (const unsigned char *) text.data;
    letters = 0;

    for (i = 0; i < text.len; i += n) {
        n = dmp_utf8_length(p + i, p + text.len);
        must(n != 0 && p[i] >= 0x20 && p[i] != 0x7f);
        letters++;
    }

    must(letters >= DMP_PASSWORD_MIN);
}


/* Nothing in it that ends a line, a field or an address. */
static void
address(dmp_str_t to)
{
    bool       email, phone;
    char       text[512];
    size_t     i;
    dmp_buf_t  b;

    email = dmp_contact_email(to);
    phone = dmp_contact_phone(to);

    must(!email || !phone);

    dmp_buf_init(&b, text, sizeof(text));
    dmp_contact_hint(&b, DMP_CONTACT_SMS, to);
    must(b.full != phone);

    dmp_buf_init(&b, text, sizeof(text));
    dmp_contact_hint(&b, DMP_CONTACT_EMAIL, to);
    must(b.full != email);

    for (i = 0; (email || phone) && i < to.len; i++) {
        must(to.data[i] >= 0x20 && to.data[i] < 0x7f);
        must(strchr("<>,;:\"\\()[]", to.data[i]) == NULL);
        must(!email || to.data[i] != ' ');
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dmp_str_t  rest;

    if (size == 0) {
        account(dmp_null_string);
        return 0;
    }

    rest = (dmp_str_t) { (const char *) data + 1, size - 1 };

    switch (data[0] % 4) {

    case 0:
        account(rest);
        break;

    case 1:
        identifier(rest);
        break;

    case 2:
        password(rest);
        break;

    default:
        address(rest);
        break;
    }

    return 0;
}
