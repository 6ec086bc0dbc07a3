/*
 * dmp_session_contact.c: where patients are written to.  What can be written
 * to here can be put into a message's envelope as it is: it holds no byte that
 * ends a line, a field or an address.
 */

#include <dmp/dmp_session.h>


#define CONTACT_FRENCH      10           /* digits: 06 12 34 56 78 */
#define CONTACT_DIGITS_MIN  8            /* of a number with its country */
#define CONTACT_DIGITS_MAX  15           /* E.164 */
#define CONTACT_TYPED       32           /* bytes, with blanks */
#define CONTACT_LOCAL_MAX   64           /* RFC 5321, 4.5.3.1.1 */
#define CONTACT_EMAIL_MAX   254          /* a path of 256, without its < > */
#define CONTACT_LABEL_MAX   63

#define CONTACT_BULLET      "\xe2\x80\xa2"
#define CONTACT_BULLETS     CONTACT_BULLET CONTACT_BULLET

/* The digits of a number; French ones as they are dialled in France. */
typedef struct {
    char    digits[CONTACT_DIGITS_MAX];
    size_t  n;
    bool    country;                     /* they begin with that of another
                                            country */
} dmp_phone_t;


static bool
contact_is_digit(char c)
{
    return c >= '0' && c <= '9';
}


static bool
contact_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


/* Digits, in groups if one likes; false if there are other bytes. */
static bool
contact_digits(dmp_str_t text, dmp_phone_t *phone)
{
    bool    gap;
    size_t  i;

    gap = true;

    for (i = 0; i < text.len; i++) {

        if (contact_is_digit(text.data[i])) {

            if (phone->n == sizeof(phone->digits)) {
                return false;
            }

            phone->digits[phone->n++] = text.data[i];
            gap = false;
            continue;
        }

        if (gap || (text.data[i] != ' ' && text.data[i] != '.'
                    && text.data[i] != '-'))
        {
            return false;
        }

        gap = true;
    }

    return !gap;
}


static bool
contact_read_phone(dmp_str_t text, dmp_phone_t *phone)
{
    memset(phone, 0, sizeof(dmp_phone_t));

    if (text.len == 0 || text.len > CONTACT_TYPED) {
        return false;
    }

    if (text.data[0] != '+') {
        return contact_digits(text, phone) && phone->n == CONTACT_FRENCH
               && phone->digits[0] == '0' && phone->digits[1] != '0';
    }

    text.data++;
    text.len--;

    if (!contact_digits(text, phone) || phone->n < CONTACT_DIGITS_MIN
        || phone->digits[0] == '0')
    {
        return false;
    }

    if (memcmp(phone->digits, "33", 2) != 0) {
        phone->country = true;
        return true;
    }

    phone->digits[1] = '0';
    phone->n--;
    memmove(phone->digits, phone->digits + 1, phone->n);

    return phone->n == CONTACT_FRENCH && phone->digits[1] != '0';
}


bool
dmp_contact_phone(dmp_str_t phone)
{
    dmp_phone_t  read;

    return contact_read_phone(phone, &read);
}


/* What is between two dots of a domain. */
static bool
contact_label(dmp_str_t label)
{
    size_t  i;

    if (label.len == 0 || label.len > CONTACT_LABEL_MAX
        || label.data[0] == '-' || label.data[label.len - 1] == '-')
    {
        return false;
    }

    for (i = 0; i < label.len; i++) {
        if (!contact_is_letter(label.data[i])
            && !contact_is_digit(label.data[i]) && label.data[i] != '-')
        {
            return false;
        }
    }

    return true;
}


/* Of names, two at least; the last one is no number: it is no address of IP. */
static bool
contact_domain(dmp_str_t domain)
{
    size_t     i, start, labels;
    dmp_str_t  label;

    label = dmp_null_string;
    labels = 0;

    for (i = 0, start = 0; i <= domain.len; i++) {

        if (i < domain.len && domain.data[i] != '.') {
            continue;
        }

        label = (dmp_str_t) { domain.data + start, i - start };

        if (!contact_label(label)) {
            return false;
        }

        labels++;
        start = i + 1;
    }

    return labels >= 2 && contact_is_letter(label.data[0]);
}


/* Atoms with dots between them: nothing quoted. */
static bool
contact_local(dmp_str_t local)
{
    char    c, before;
    size_t  i;

    before = '.';

    for (i = 0; i < local.len; i++) {
        c = local.data[i];

        if (c == '.' && before == '.') {
            return false;
        }

        if (c != '.' && !contact_is_letter(c) && !contact_is_digit(c)
            && (c == '\0' || strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL))
        {
            return false;
        }

        before = c;
    }

    return local.len <= CONTACT_LOCAL_MAX && before != '.';
}


/* Cut at its "@"; false: there is none, or it ends there. */
static bool
contact_cut(dmp_str_t email, dmp_str_t *local, dmp_str_t *domain)
{
    const char  *at;

    at = (email.len != 0) ? memchr(email.data, '@', email.len) : NULL;

    if (at == NULL) {
        return false;
    }

    *local = (dmp_str_t) { email.data, (size_t) (at - email.data) };
    *domain = (dmp_str_t) { at + 1, email.len - local->len - 1 };

    return domain->len != 0;
}


bool
dmp_contact_email(dmp_str_t email)
{
    dmp_str_t  local, domain;

    return email.len <= CONTACT_EMAIL_MAX
           && contact_cut(email, &local, &domain)
           && contact_local(local) && contact_domain(domain);
}


const char *
dmp_contact_channel_name(dmp_contact_channel_t channel)
{
    switch (channel) {

    case DMP_CONTACT_SMS:
        return "sms";

    case DMP_CONTACT_EMAIL:
        return "email";

    case DMP_CONTACT_NONE:
        break;
    }

    return "";
}


dmp_contact_channel_t
dmp_contact_channel(const dmp_contact_t *contact, dmp_contact_channel_t avoid,
    dmp_str_t *to)
{
    bool  email, phone, by_email;

    *to = dmp_null_string;

    email = dmp_contact_email(contact->email);
    phone = dmp_contact_phone(contact->phone);

    by_email = dmp_str_eq(contact->prefer, dmp_string("email"));

    if (avoid != DMP_CONTACT_NONE) {
        by_email = (avoid == DMP_CONTACT_SMS);
    }

    if (email && (by_email || !phone)) {
        *to = contact->email;
        return DMP_CONTACT_EMAIL;
    }

    if (phone) {
        *to = contact->phone;
        return DMP_CONTACT_SMS;
    }

    return DMP_CONTACT_NONE;
}


static void
contact_hint_phone(dmp_buf_t *b, dmp_str_t to)
{
    dmp_phone_t  phone;

    if (!contact_read_phone(to, &phone)) {
        b->full = true;
        return;
    }

    dmp_buf_text(b, phone.country ? "+" : "");
    dmp_buf_add(b, phone.digits, 2);
    dmp_buf_text(b, " " CONTACT_BULLETS " " CONTACT_BULLETS
                 " " CONTACT_BULLETS " ");
    dmp_buf_add(b, phone.digits + phone.n - 2, 2);
}


static void
contact_hint_email(dmp_buf_t *b, dmp_str_t to)
{
    size_t     dot;
    dmp_str_t  local, domain;

    if (!dmp_contact_email(to) || !contact_cut(to, &local, &domain)) {
        b->full = true;
        return;
    }

    for (dot = domain.len; domain.data[dot - 1] != '.'; dot--) { /* void */ }

    dmp_buf_add(b, local.data, 1);
    dmp_buf_text(b, CONTACT_BULLETS CONTACT_BULLET "@");
    dmp_buf_add(b, domain.data, 1);
    dmp_buf_text(b, CONTACT_BULLETS CONTACT_BULLET ".");
    dmp_buf_add(b, domain.data + dot, domain.len - dot);
}


void
dmp_contact_hint(dmp_buf_t *b, dmp_contact_channel_t channel, dmp_str_t to)
{
    switch (channel) {

    case DMP_CONTACT_SMS:
        contact_hint_phone(b, to);
        return;

    case DMP_CONTACT_EMAIL:
        contact_hint_email(b, to);
        return;

    case DMP_CONTACT_NONE:
        break;
    }

    b->full = true;
}
