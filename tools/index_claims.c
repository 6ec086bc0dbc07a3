/*
 * index_claims.c: claims to attachments are added and not taken away, since a
 * document that is gone from the host may have left its Binary there, for
 * another to claim.  An operator who has looked may have those that the host
 * makes no more taken out, when all patients were gone through.
 */

#include <stdlib.h>
#include <string.h>

#include "index_build.h"


#define CLAIMS_PREFIX    (INDEX_HINT - DMP_INDEX_HASH_LEN)
#define CLAIMS_NAME_MAX  128             /* characters of "Binary/ID" */

_Static_assert(DMP_PSEUDONYM_LEN == DMP_INDEX_HASH_LEN,
               "a set of hashes holds pseudonyms as well");

/* One attachment. */
typedef struct {
    index_build_t    *build;
    char              key[INDEX_HINT];
    bool              ours;              /* of a document of this host */
    bool              clear;             /* not looked at only */
    uint64_t          unconfirmed;       /* left so */
    index_rivals_t    rivals;
    dmp_str_t         name;              /* "Binary/ID", if a claim says it */
    char              room[CLAIMS_NAME_MAX];
    index_claimed_t   claimed;           /* the one that is looked at */
} claims_t;


static bool
claims_look(claims_t *c, const char *claim)
{
    return index_claimed(&c->build->tool, c->build->name,
                         c->key + CLAIMS_PREFIX, claim, &c->claimed);
}


/* Whether the document does not claim it any more, beyond doubt. */
static bool
claims_is_over(const claims_t *c, const char *claim)
{
    switch (c->claimed.standing) {

    case INDEX_STALE:
        return true;

    case INDEX_ABSENT:
        return index_set_has(&c->build->through, claim);

    default:
        return false;
    }
}


/*
 * Takes the claim out.  A gateway that learns the document meanwhile writes
 * its facts before its claims: what they say after this one has gone is right.
 */
static bool
claims_remove(claims_t *c, const char *claim, bool *gone)
{
    store_t    *store;
    long long   n, back;

    *gone = false;
    store = &c->build->tool.store;

    if (!index_number(store, "SREM", c->key, sizeof(c->key), claim,
                      INDEX_CLAIM, &n)
        || !claims_look(c, claim))
    {
        return false;
    }

    if (c->claimed.standing == INDEX_CONFIRMED) {
        return index_number(store, "SADD", c->key, sizeof(c->key), claim,
                            INDEX_CLAIM, &back);
    }

    *gone = true;
    c->build->claims_removed += n != 0;

    return true;
}


static void
claims_name(claims_t *c)
{
    if (c->name.len == 0 && c->claimed.attachment.len <= CLAIMS_NAME_MAX
        && !dmp_ins_within(c->claimed.attachment))
    {
        c->name.data = c->room;
        c->name.len = c->claimed.attachment.len;
        memcpy(c->room, c->claimed.attachment.data, c->name.len);
    }
}


static bool
claims_one(claims_t *c, const char *claim)
{
    bool  gone;

    if (!claims_look(c, claim)) {
        return false;
    }

    if (c->clear && claims_is_over(c, claim)) {

        if (!claims_remove(c, claim, &gone)) {
            return false;
        }

        if (gone) {
            return true;
        }
    }

    switch (c->claimed.standing) {

    case INDEX_CONFIRMED:
        claims_name(c);
        c->ours = true;
        break;

    case INDEX_STALE:
        c->ours = true;
        c->unconfirmed++;
        break;

    case INDEX_ELSEWHERE:
        break;

    default:
        c->unconfirmed++;
        break;
    }

    index_rivals_add(&c->rivals, claim);

    return true;
}


/* All claims to the attachment; there may be any number. */
static bool
claims_each(claims_t *c)
{
    bool               ok;
    char               cursor[INDEX_CURSOR] = "0";
    size_t             i;
    redisReply        *r;
    const redisReply  *list;

    memset(&c->rivals, 0, sizeof(c->rivals));
    c->unconfirmed = 0;

    do {
        r = index_scan(&c->build->tool.store, "SSCAN",
                       (dmp_str_t) { c->key, sizeof(c->key) }, cursor);
        if (r == NULL) {
            return false;
        }

        ok = true;
        list = r->element[1];

        for (i = 0; ok && i < list->elements; i++) {
            ok = !index_is_claim(list->element[i])
                 || claims_one(c, list->element[i]->str);
        }

        freeReplyObject(r);
    } while (ok && strcmp(cursor, "0") != 0);

    return ok;
}


/* It is this host's, and nobody's. */
static bool
claims_conflict(claims_t *c)
{
    int  added;

    added = index_set_add(&c->build->conflicts, c->key + CLAIMS_PREFIX);

    if (added < 0) {
        tool_error("no memory");
        return false;
    }

    if (c->name.len == 0) {
        c->name = (dmp_str_t) { c->key, sizeof(c->key) };
    }

    if (added == 1 && c->build->conflicts.n <= INDEX_SHOWN) {
        tool_error("%.*s is claimed by documents of two patients: nobody is "
                   "shown it (claims that nothing confirms: %llu)",
                   (int) c->name.len, c->name.data,
                   (unsigned long long) c->unconfirmed);
    }

    return true;
}


/*
 * Whose host's attachment it is, its hash does not say: a document of this
 * host that claims it, or whose facts say that it did, does.  Where there is
 * none the host lets nobody have it, and another's claims are not ours to
 * judge: they stay.
 */
static bool
claims_attachment(claims_t *c)
{
    if (!claims_each(c)) {
        return false;
    }

    if (c->build->clear_claims && c->build->failed == 0 && c->ours
        && c->unconfirmed != 0)
    {
        c->clear = true;

        if (!claims_each(c)) {
            return false;
        }
    }

    c->build->claims_kept += c->unconfirmed;

    return !c->ours || !c->rivals.rivals || claims_conflict(c);
}


/* The attachments of one step of SCAN. */
static bool
claims_step(index_build_t *b, claims_t *c, char cursor[INDEX_CURSOR])
{
    bool               ok;
    size_t             i;
    redisReply        *r;
    const redisReply  *list;

    r = index_scan(&b->tool.store, "SCAN", dmp_string("dmp:att:*"), cursor);
    if (r == NULL) {
        return false;
    }

    ok = true;
    list = r->element[1];

    for (i = 0; ok && i < list->elements; i++) {

        if (list->element[i]->type == REDIS_REPLY_STRING
            && list->element[i]->len == sizeof(c->key))
        {
            memset(c, 0, sizeof(*c));
            c->build = b;
            memcpy(c->key, list->element[i]->str, sizeof(c->key));
            ok = claims_attachment(c);
        }
    }

    freeReplyObject(r);

    return ok && commit_keep(&b->tool.commit);
}


bool
index_claims(index_build_t *b)
{
    bool       ok;
    char       cursor[INDEX_CURSOR] = "0";
    claims_t  *c;

    c = malloc(sizeof(*c));
    if (c == NULL) {
        tool_error("no memory");
        return false;
    }

    /* what was noted on the way may be over */

    index_set_free(&b->conflicts);

    do {
        ok = claims_step(b, c, cursor);
    } while (ok && strcmp(cursor, "0") != 0);

    free(c);

    return ok;
}
