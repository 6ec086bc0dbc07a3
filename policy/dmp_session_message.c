/*
 * dmp_session_message.c: what a message with a secret in it says to the
 * notifier (docs/store.md).
 */

#include <dmp/dmp_session.h>


/* Says one thing, to somebody. */
static bool
message_fits(const dmp_message_t *message)
{
    if (message->channel == DMP_CONTACT_NONE || message->to.len == 0
        || message->until_ms < 0 || !dmp_token_id_valid(message->patient))
    {
        return false;
    }

    if (message->code.len != 0) {
        return dmp_code_valid(message->code) && message->until_ms != 0
               && message->purpose != NULL && message->password.len == 0;
    }

    return message->purpose == NULL;
}


static void
message_text(dmp_buf_t *b, const char *name, dmp_str_t value)
{
    dmp_buf_text(b, ",\"");
    dmp_buf_text(b, name);
    dmp_buf_text(b, "\":");
    dmp_buf_json(b, value);
}


static dmp_str_t
message_word(const char *word)
{
    return (dmp_str_t) { word, strlen(word) };
}


void
dmp_message_write(dmp_buf_t *b, const dmp_message_t *message)
{
    if (!message_fits(message)) {
        b->full = true;
        return;
    }

    dmp_buf_text(b, "{\"p\":");
    dmp_buf_json(b, message->patient);
    message_text(b, "channel",
                 message_word(dmp_contact_channel_name(message->channel)));
    message_text(b, "to", message->to);
    dmp_buf_text(b, ",\"until\":");
    dmp_buf_uint(b, (uint64_t) message->until_ms);

    if (message->code.len != 0) {
        message_text(b, "code", message->code);
        message_text(b, "for", message_word(message->purpose));

    } else if (message->password.len != 0) {
        message_text(b, "password", message->password);
    }

    dmp_buf_text(b, "}");
}
