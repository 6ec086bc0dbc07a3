/*
 * test_session_contact.c: where a patient can be written to, how that is
 * hinted at, and what a message with a secret says to the notifier.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include <dmp/dmp_session.h>


#define TEN(s)    s s s s s s s s s s
#define SIXTY(s)  TEN(s) TEN(s) TEN(s) TEN(s) TEN(s) TEN(s)
#define count(table)  (sizeof(table) / sizeof((table)[0]))

#define HOLDER  "EBESExQVFhcYGRobHB0eHw"


static dmp_str_t
str(const char *text)
{
    return (dmp_str_t) { text, strlen(text) };
}


/* From a block of exactly its size; NULL: there is no hint. */
static const char *
hint(dmp_contact_channel_t channel, const char *to)
{
    bool          good;
    char         *copy;
    size_t        len;
    dmp_buf_t     b;
    static char   text[128];

    len = strlen(to);
    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, to, len);

    dmp_buf_init(&b, text, sizeof(text) - 1);
    dmp_contact_hint(&b, channel, (dmp_str_t) { copy, len });
    good = (channel == DMP_CONTACT_SMS)
           ? dmp_contact_phone((dmp_str_t) { copy, len })
           : dmp_contact_email((dmp_str_t) { copy, len });
    free(copy);

    /* exactly what can be written to has a hint */

    assert_int_equal(good, !b.full);
    text[b.len] = '\0';

    return b.full ? NULL : text;
}


static void
check(dmp_contact_channel_t channel, const char *const (*table)[2], size_t n)
{
    size_t       i;
    const char  *seen;

    for (i = 0; i < n; i++) {
        seen = hint(channel, table[i][0]);

        if ((seen == NULL) != (table[i][1] == NULL)
            || (seen != NULL && strcmp(seen, table[i][1]) != 0))
        {
            fail_msg("\"%s\": %s", table[i][0],
                     (seen != NULL) ? seen : "none");
        }
    }
}


static void
test_phones(void **state)
{
    static const char *const  table[][2] = {
        { "0612345678", "06 •• •• •• 78" },
        { "06 12 34 56 78", "06 •• •• •• 78" },
        { "06.12.34.56.78", "06 •• •• •• 78" },
        { "06-12-34-56-78", "06 •• •• •• 78" },
        { "+33612345678", "06 •• •• •• 78" },
        { "+33 6 12 34 56 78", "06 •• •• •• 78" },
        { "0145678901", "01 •• •• •• 01" },
        { "+447911123456", "+44 •• •• •• 56" },
        { "+262692123456", "+26 •• •• •• 56" },
        { "+12345678", "+12 •• •• •• 78" },
        { "+123456789012345", "+12 •• •• •• 45" },

        { "", NULL },
        { "+", NULL },
        { "06123456", NULL },
        { "061234567", NULL },
        { "06123456789", NULL },
        { "0012345678", NULL },
        { "1612345678", NULL },
        { "0033612345678", NULL },
        { "+0612345678", NULL },
        { "+33012345678", NULL },
        { "+330612345678", NULL },
        { "+3361234567", NULL },
        { "+336123456789", NULL },
        { "+1234567", NULL },
        { "+1234567890123456", NULL },
        { "+33 (0)612345678", NULL },
        { "06 12 34 56 7a", NULL },
        { "06  12345678", NULL },
        { " 0612345678", NULL },
        { "0612345678 ", NULL },
        { "+ 33612345678", NULL },
        { "0612345678\n", NULL },
        { "06123456\r\n78", NULL },
        { "06/12/34/56/78", NULL },
        { "0612345678,0612345679", NULL },
        { "\xd9\xa0" "612345678", NULL },
        { "0 6 1 2 3 4 5 6 7 8", "06 •• •• •• 78" },
        { "+3 3 6 1 2 3 4 5 6 7 8 9 0 1 2 3 4", NULL },
    };

    (void) state;
    check(DMP_CONTACT_SMS, table, count(table));
    assert_false(dmp_contact_phone(dmp_null_string));
    assert_false(dmp_contact_phone((dmp_str_t) { "061234567\0", 10 }));
}


static void
test_emails(void **state)
{
    char       text[400];
    dmp_str_t  email;

    static const char *const  table[][2] = {
        { "anne@exemple.fr", "a•••@e•••.fr" },
        { "a@b.fr", "a•••@b•••.fr" },
        { "anne.martin+dmp@mail.exemple.co.uk", "a•••@m•••.uk" },
        { "ANNE@EXEMPLE.FR", "A•••@E•••.FR" },
        { "o'neil@exemple.fr", "o•••@e•••.fr" },
        { "{x}@1-2.xn--p1ai", "{•••@1•••.xn--p1ai" },
        { SIXTY("a") "1234@exemple.fr", "a•••@e•••.fr" },

        { "", NULL },
        { "@", NULL },
        { "anne", NULL },
        { "anne@", NULL },
        { "@exemple.fr", NULL },
        { "anne@exemple", NULL },
        { "anne@@exemple.fr", NULL },
        { "anne@b@exemple.fr", NULL },
        { ".anne@exemple.fr", NULL },
        { "anne.@exemple.fr", NULL },
        { "an..ne@exemple.fr", NULL },
        { "anne@.exemple.fr", NULL },
        { "anne@exemple.fr.", NULL },
        { "anne@exemple..fr", NULL },
        { "anne@-exemple.fr", NULL },
        { "anne@exemple-.fr", NULL },
        { "anne@192.0.2.1", NULL },
        { "anne@[192.0.2.1]", NULL },
        { "anne@exemple.1r", NULL },
        { "anne @exemple.fr", NULL },
        { "anne@exemple.fr ", NULL },
        { "anne@exemple.fr\n", NULL },
        { "anne@exemple.fr\r\nBcc: x@y.fr", NULL },
        { "anne@exemple.fr,x@y.fr", NULL },
        { "<anne@exemple.fr>", NULL },
        { "\"anne\"@exemple.fr", NULL },
        { "anne\\@exemple.fr", NULL },
        { "anne(x)@exemple.fr", NULL },
        { "ann\xc3\xa9@exemple.fr", NULL },
        { "anne@\xc3\xa9xemple.fr", NULL },
        { "anne@exem_ple.fr", NULL },
        { SIXTY("a") "12345@exemple.fr", NULL },
        { "anne@" SIXTY("a") "1234.fr", NULL },
    };

    (void) state;
    check(DMP_CONTACT_EMAIL, table, count(table));
    assert_false(dmp_contact_email(dmp_null_string));
    assert_false(dmp_contact_email((dmp_str_t) { "a\0@b.fr", 7 }));

    /* 254 bytes, and one more */

    (void) strcpy(text, "a@" SIXTY("b") "." SIXTY("b") "." SIXTY("b") "."
                  SIXTY("b") ".abcdef.fr");
    email = str(text);
    email.len = 2 + 4 * 61 - 1;
    assert_true(dmp_contact_email(email));
    (void) strcpy(text + email.len, ".abcde.fr");
    assert_int_equal(strlen(text), 254);
    assert_true(dmp_contact_email(str(text)));
    (void) strcpy(text + email.len, ".abcdef.fr");
    assert_false(dmp_contact_email(str(text)));
}


static void
test_channels(void **state)
{
    size_t                 i;
    dmp_str_t              to;
    dmp_contact_t          contact;
    dmp_contact_channel_t  channel;

    static const struct {
        const char             *email;
        const char             *phone;
        const char             *prefer;
        dmp_contact_channel_t   avoid;
        dmp_contact_channel_t   channel;
    } table[] = {
        { "a@b.fr", "0612345678", "", 0, DMP_CONTACT_SMS },
        { "a@b.fr", "0612345678", "sms", 0, DMP_CONTACT_SMS },
        { "a@b.fr", "0612345678", "email", 0, DMP_CONTACT_EMAIL },
        { "a@b.fr", "", "sms", 0, DMP_CONTACT_EMAIL },
        { "", "0612345678", "email", 0, DMP_CONTACT_SMS },
        { "", "", "sms", 0, DMP_CONTACT_NONE },
        { NULL, NULL, NULL, 0, DMP_CONTACT_NONE },

        { "a@b.fr", "0612345678", "sms", DMP_CONTACT_SMS,
          DMP_CONTACT_EMAIL },
        { "a@b.fr", "0612345678", "email", DMP_CONTACT_SMS,
          DMP_CONTACT_EMAIL },
        { "a@b.fr", "0612345678", "sms", DMP_CONTACT_EMAIL,
          DMP_CONTACT_SMS },
        { "a@b.fr", "0612345678", "email", DMP_CONTACT_EMAIL,
          DMP_CONTACT_SMS },
        { "a@b.fr", "", "", DMP_CONTACT_EMAIL, DMP_CONTACT_EMAIL },
        { "", "0612345678", "", DMP_CONTACT_SMS, DMP_CONTACT_SMS },
        { "", "", "", DMP_CONTACT_SMS, DMP_CONTACT_NONE },

        /* what cannot be written to is none */
        { "a@b.fr", "06123", "sms", 0, DMP_CONTACT_EMAIL },
        { "a@b", "0612345678", "email", 0, DMP_CONTACT_SMS },
        { "a@b.fr\n", "06\n", "email", 0, DMP_CONTACT_NONE },
    };

    (void) state;

    for (i = 0; i < count(table); i++) {
        memset(&contact, 0, sizeof(contact));
        contact.email = table[i].email ? str(table[i].email) : dmp_null_string;
        contact.phone = table[i].phone ? str(table[i].phone) : dmp_null_string;
        contact.prefer = table[i].prefer ? str(table[i].prefer)
                                         : dmp_null_string;
        to = dmp_string("before");
        channel = dmp_contact_channel(&contact, table[i].avoid, &to);
        assert_int_equal(channel, table[i].channel);

        assert_ptr_equal(to.data,
                         (channel == DMP_CONTACT_SMS) ? contact.phone.data
                         : (channel == DMP_CONTACT_EMAIL) ? contact.email.data
                         : NULL);
    }

    assert_string_equal(dmp_contact_channel_name(DMP_CONTACT_SMS), "sms");
    assert_string_equal(dmp_contact_channel_name(DMP_CONTACT_EMAIL), "email");
    assert_string_equal(dmp_contact_channel_name(DMP_CONTACT_NONE), "");
}


/* A hint goes whole into a buffer, or makes it full; never for no channel. */
static void
test_hint_sizes(void **state)
{
    char       text[64];
    size_t     i;
    dmp_buf_t  b;

    (void) state;

    for (i = 0; i < 32; i++) {
        dmp_buf_init(&b, text, i);
        dmp_contact_hint(&b, DMP_CONTACT_SMS, dmp_string("0612345678"));
        assert_int_equal(b.full, i < strlen("06 •• •• •• 78"));
    }

    dmp_buf_init(&b, text, sizeof(text));
    dmp_contact_hint(&b, DMP_CONTACT_NONE, dmp_string("0612345678"));
    assert_true(b.full);
}


static dmp_message_t
message_of(dmp_contact_channel_t channel, const char *to)
{
    dmp_message_t  message;

    memset(&message, 0, sizeof(message));
    message.patient = dmp_string(HOLDER);
    message.channel = channel;
    message.to = str(to);

    return message;
}


static const char *
written(const dmp_message_t *message)
{
    dmp_buf_t    b;
    static char  text[DMP_MESSAGE_MAX + 1];

    dmp_buf_init(&b, text, DMP_MESSAGE_MAX);
    dmp_message_write(&b, message);
    text[b.full ? 0 : b.len] = '\0';

    return text;
}


static void
test_messages(void **state)
{
    json_t         *root;
    dmp_message_t   m;

    (void) state;
    m = message_of(DMP_CONTACT_SMS, "0612345678");
    assert_string_equal(written(&m),
                        "{\"p\":\"" HOLDER "\",\"channel\":\"sms\","
                        "\"to\":\"0612345678\",\"until\":0}");

    m.until_ms = 1800000000123;
    m.code = dmp_string("012345");
    m.purpose = "sign-in";
    assert_string_equal(written(&m),
                        "{\"p\":\"" HOLDER "\",\"channel\":\"sms\","
                        "\"to\":\"0612345678\",\"until\":1800000000123,"
                        "\"code\":\"012345\",\"for\":\"sign-in\"}");

    m = message_of(DMP_CONTACT_EMAIL, "o'neil@exemple.fr");
    m.password = dmp_string("2\"\\\n");
    root = json_loads(written(&m), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json_object_size(root), 5);
    assert_string_equal(json_string_value(json_object_get(root, "password")),
                        "2\"\\\n");
    assert_string_equal(json_string_value(json_object_get(root, "channel")),
                        "email");
    json_decref(root);
}


#define REFUSED(change)                                                       \
    m = code;                                                                 \
    change;                                                                   \
    assert_string_equal(written(&m), "")

static void
test_messages_refused(void **state)
{
    char           address[DMP_MESSAGE_MAX];
    dmp_message_t  m, code;

    (void) state;
    code = message_of(DMP_CONTACT_SMS, "0612345678");
    code.until_ms = 1;
    code.code = dmp_string("012345");
    code.purpose = "recovery";
    assert_string_not_equal(written(&code), "");

    REFUSED(m.channel = DMP_CONTACT_NONE);
    REFUSED(m.to = dmp_null_string);
    REFUSED(m.patient = dmp_null_string);
    REFUSED(m.patient = dmp_string("EBESExQVFhcYGRobHB0eH"));
    REFUSED(m.until_ms = 0);
    REFUSED(m.until_ms = -1);
    REFUSED(m.purpose = NULL);
    REFUSED(m.code = dmp_string("12345"));
    REFUSED(m.code = dmp_null_string);
    REFUSED(m.password = dmp_string("x"));

    memset(address, 'a', sizeof(address));
    m = message_of(DMP_CONTACT_EMAIL, "x");
    m.to = (dmp_str_t) { address, sizeof(address) };
    assert_string_equal(written(&m), "");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_phones),
        cmocka_unit_test(test_emails),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_hint_sizes),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_messages_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
