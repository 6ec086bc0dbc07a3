/*
 * directory_fetch.c: entries of the directory out of the store, many at once.
 */

#include <stdlib.h>
#include <string.h>

#include "directory_import.h"


unsigned
directory_entry_ids(const json_t *entry, dmp_str_t ids[DMP_DIRECTORY_IDS])
{
    json_t  *list, *id;
    size_t   i, n;

    list = json_object_get(entry, "ids");
    n = json_array_size(list);

    if (n > DMP_DIRECTORY_IDS) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        id = json_array_get(list, i);

        if (!json_is_string(id)) {
            return 0;
        }

        ids[i].data = json_string_value(id);
        ids[i].len = json_string_length(id);
    }

    return (unsigned) n;
}


bool
directory_entry_has(const json_t *entry, dmp_str_t id)
{
    unsigned   i, n;
    dmp_str_t  ids[DMP_DIRECTORY_IDS];

    n = directory_entry_ids(entry, ids);

    for (i = 0; i < n; i++) {
        if (dmp_str_eq(ids[i], id)) {
            return true;
        }
    }

    return false;
}


bool
directory_entry_published(const json_t *entry)
{
    const char  *from;

    from = json_string_value(json_object_get(entry, "from"));

    return from != NULL && strcmp(from, "annuaire") == 0;
}


void
directory_held_free(directory_held_t *held)
{
    free(held->text);
    json_decref(held->entry);
    memset(held, 0, sizeof(*held));
}


static bool
fetch_open(const dmp_keyring_t *ring, directory_held_t *held, dmp_str_t key,
    const redisReply *v, const redisReply *d)
{
    char       *end;
    dmp_str_t   ids[DMP_DIRECTORY_IDS];

    if (v->type == REDIS_REPLY_NIL && d->type == REDIS_REPLY_NIL) {
        return true;
    }

    if (v->type != REDIS_REPLY_STRING || d->type != REDIS_REPLY_STRING) {
        tool_error("store: half an entry under %.*s", (int) key.len, key.data);
        return false;
    }

    held->version = strtoull(v->str, &end, 10);
    held->text = malloc(d->len + 1);

    if (*end != '\0' || held->version == 0 || held->text == NULL
        || dmp_unseal(ring, key, dmp_string(DMP_DIRECTORY_FIELD),
                      held->version, d->str, d->len, held->text, &held->len)
           != DMP_OK)
    {
        tool_error("the entry %.*s does not open with the record keys given",
                   (int) key.len, key.data);
        return false;
    }

    held->entry = json_loadb(held->text, held->len, 0, NULL);

    if (directory_entry_ids(held->entry, ids) == 0) {
        tool_error("what stands under %.*s is no entry of the directory",
                   (int) key.len, key.data);
        return false;
    }

    return true;
}


bool
directory_send(store_t *store, const store_args_t *args)
{
    if (redisAppendCommandArgv(store->redis, (int) args->n,
                               (const char **) (uintptr_t) args->data,
                               args->len)
        != REDIS_OK)
    {
        tool_error("store: %s", store->redis->errstr);
        return false;
    }

    return true;
}


redisReply *
directory_receive(store_t *store)
{
    void        *answer;
    redisReply  *r;

    if (redisGetReply(store->redis, &answer) != REDIS_OK) {
        tool_error("store: %s", store->redis->errstr);
        return NULL;
    }

    r = answer;

    if (r->type == REDIS_REPLY_ERROR) {
        tool_error("store: %s", r->str);
        freeReplyObject(r);
        return NULL;
    }

    return r;
}


void
directory_drain(store_t *store, size_t n)
{
    void  *answer;

    while (n-- > 0 && store->redis->err == 0
           && redisGetReply(store->redis, &answer) == REDIS_OK)
    {
        freeReplyObject(answer);
    }
}


static bool
fetch_send(store_t *store, dmp_str_t id)
{
    char          key[DMP_KEY_NAME_MAX];
    size_t        key_len;
    store_args_t  args;

    key_len = dmp_directory_key(key, id);

    args.n = 0;
    store_text(&args, "HMGET");
    store_bytes(&args, key, key_len);
    store_text(&args, "v");
    store_text(&args, DMP_DIRECTORY_FIELD);

    return key_len != 0 && directory_send(store, &args);
}


bool
directory_fetch(store_t *store, const dmp_keyring_t *ring,
    directory_held_t *const *held, size_t n)
{
    bool         ok;
    char         key[DMP_KEY_NAME_MAX];
    size_t       i;
    dmp_str_t    name;
    redisReply  *r;

    for (i = 0; i < n; i++) {
        if (!fetch_send(store, held[i]->id)) {
            return false;
        }
    }

    for (i = 0; i < n; i++) {
        r = directory_receive(store);

        if (r == NULL) {
            directory_drain(store, n - i - 1);
            return false;
        }

        name.data = key;
        name.len = dmp_directory_key(key, held[i]->id);
        ok = r->type == REDIS_REPLY_ARRAY && r->elements == 2;

        if (!ok) {
            tool_error("store: HMGET: unexpected answer");
        }

        ok = ok && fetch_open(ring, held[i], name, r->element[0],
                              r->element[1]);
        freeReplyObject(r);

        if (!ok) {
            directory_drain(store, n - i - 1);
            return false;
        }
    }

    return true;
}
