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


static void
account_name(dmp_buf_t *b, const char *login, const char *patient)
{
    dmp_buf_text(b, "dmp:login:");
    dmp_buf_add(b, login, DMP_LOGIN_HASH_LEN);
    dmp_buf_text(b, " ");
    dmp_buf_add(b, patient, DMP_PSEUDONYM_LEN);
}


dmp_rc_t
dmp_account_seal(const dmp_keyring_t *ring,
    const char login[DMP_LOGIN_HASH_LEN],
    const char patient[DMP_PSEUDONYM_LEN], uint64_t version,
    const dmp_account_t *account, char *out, size_t *out_len)
{
    char       text[DMP_ACCOUNT_MAX], room[DMP_KEY_NAME_MAX];
    dmp_rc_t   rc;
    dmp_buf_t  b, name;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_init(&name, room, sizeof(room));
    dmp_account_write(&b, account);
    account_name(&name, login, patient);

    rc = (b.full || name.full)
         ? DMP_E_LIMIT
         : dmp_seal(ring, (dmp_str_t) { name.data, name.len },
                    dmp_string(DMP_ACCOUNT_FIELD), version, b.data, b.len,
                    out, out_len);

    OPENSSL_cleanse(text, sizeof(text));

    return rc;
}


dmp_rc_t
dmp_account_open(const dmp_keyring_t *ring,
    const char login[DMP_LOGIN_HASH_LEN],
    const char patient[DMP_PSEUDONYM_LEN], uint64_t version, dmp_str_t sealed,
    dmp_account_t *account)
{
    char       text[DMP_ACCOUNT_SEALED], room[DMP_KEY_NAME_MAX];
    size_t     len;
    dmp_rc_t   rc;
    dmp_buf_t  name;

    memset(account, 0, sizeof(dmp_account_t));

    if (sealed.len > sizeof(text)) {
        return DMP_E_LIMIT;
    }

    dmp_buf_init(&name, room, sizeof(room));
    account_name(&name, login, patient);

    rc = dmp_unseal(ring, (dmp_str_t) { name.data, name.len },
                    dmp_string(DMP_ACCOUNT_FIELD), version, sealed.data,
                    sealed.len, text, &len);

    if (rc == DMP_OK) {
        rc = dmp_account_read((dmp_str_t) { text, len }, account);
    }

    OPENSSL_cleanse(text, sizeof(text));

    return rc;
}
