/*
 * dmp_session_account.c: an account as the store keeps it, sealed: what it
 * says is all a gateway knows of a password.
 */

#include <openssl/crypto.h>

#include "dmp_session_int.h"


static const char *const  account_members[] = {
    "salt", "hash", "temporary", "channel"
};

#define ACCOUNT_MEMBERS  (sizeof(account_members) / sizeof(char *))


static bool
account_channel(const char *name)
{
    return *name == '\0' || strcmp(name, "sms") == 0
           || strcmp(name, "email") == 0;
}


void
dmp_account_write(dmp_buf_t *b, const dmp_account_t *account)
{
    if (memchr(account->channel, '\0', sizeof(account->channel)) == NULL
        || !account_channel(account->channel))
    {
        b->full = true;
        return;
    }

    dmp_buf_text(b, "{\"salt\":\"");
    dmp_buf_base64url(b, account->salt, sizeof(account->salt));
    dmp_buf_text(b, "\",\"hash\":\"");
    dmp_buf_base64url(b, account->hash, sizeof(account->hash));
    dmp_buf_text(b, "\",\"temporary\":");
    dmp_buf_text(b, account->temporary ? "true" : "false");
    dmp_buf_text(b, ",\"channel\":\"");
    dmp_buf_text(b, account->channel);
    dmp_buf_text(b, "\"}");
}


static bool
account_take(const json_t *root, dmp_account_t *account)
{
    dmp_str_t      channel;
    const json_t  *temporary;

    temporary = json_object_get(root, "temporary");
    channel = dmp_session_json_string(root, "channel");

    if (!json_is_boolean(temporary) || channel.data == NULL
        || channel.len >= sizeof(account->channel)
        || !account_channel(channel.data))
    {
        return false;
    }

    account->temporary = json_is_true(temporary);
    memcpy(account->channel, channel.data, channel.len);

    return dmp_base64url_decode(dmp_session_json_string(root, "salt"),
                                account->salt, sizeof(account->salt))
           && dmp_base64url_decode(dmp_session_json_string(root, "hash"),
                                   account->hash, sizeof(account->hash));
}


dmp_rc_t
dmp_account_read(dmp_str_t json, dmp_account_t *account)
{
    json_t    *root;
    dmp_rc_t   rc;

    memset(account, 0, sizeof(dmp_account_t));

    rc = dmp_session_json(json, DMP_ACCOUNT_MAX, account_members,
                          ACCOUNT_MEMBERS, &root);
    if (rc != DMP_OK) {
        return rc;
    }

    if (!account_take(root, account)) {
        OPENSSL_cleanse(account, sizeof(dmp_account_t));
        rc = DMP_E_SYNTAX;
    }

    dmp_session_json_free(root);

    return rc;
}
