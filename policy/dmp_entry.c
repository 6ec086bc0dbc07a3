/*
 * dmp_entry.c: the bytes of an entry's body.  One compact JSON object, members
 * in this order:
 *
 *   format      1
 *   kind        access, change, outcome, epoch-open, epoch-close, checkpoint,
 *               heartbeat, admin
 *   writer      node "/" 16 hex digits
 *   epoch, seq  place in the writer's chain of this bucket
 *   prev        SHA-256 of the writer's previous entry here, base64url
 *   bucket      where it stands
 *   time        when it was written
 *   ack         [last acknowledged seq of this bucket and epoch, the digest's
 *               first 16 bytes]
 *
 * then what the kind has (docs/store.md).  The bytes are hashed as they are:
 * nothing here may depend on anything but its arguments.
 */

#include <dmp/dmp_ids.h>

#include "dmp_entry_int.h"
#include "dmp_hash.h"


static const char  *const entry_kinds[DMP_KIND_MAX] = {
    "none", "access", "change", "outcome", "epoch-open", "epoch-close",
    "checkpoint", "heartbeat", "admin", "session"
};


const char *
dmp_kind_name(dmp_kind_t kind)
{
    return (unsigned) kind < DMP_KIND_MAX ? entry_kinds[kind] : "none";
}


/* name is ours, with its comma, quotes and colon: ",\"seq\":". */
static inline void
entry_uint(dmp_buf_t *b, const char *name, uint64_t n)
{
    dmp_buf_text(b, name);
    dmp_buf_uint(b, n);
}


static inline void
entry_string(dmp_buf_t *b, const char *name, dmp_str_t s)
{
    dmp_buf_text(b, name);
    dmp_buf_json(b, s);
}


static inline void
entry_optional(dmp_buf_t *b, const char *name, dmp_str_t s)
{
    if (s.len > 0) {
        entry_string(b, name, s);
    }
}


/* A word of ours, which needs no escaping. */
static inline void
entry_word(dmp_buf_t *b, const char *name, const char *word)
{
    dmp_buf_text(b, name);
    dmp_buf_add(b, "\"", 1);
    dmp_buf_text(b, word);
    dmp_buf_add(b, "\"", 1);
}


static inline void
entry_bytes(dmp_buf_t *b, const char *name, const unsigned char *data,
    size_t len)
{
    dmp_buf_text(b, name);
    dmp_buf_add(b, "\"", 1);
    dmp_buf_base64url(b, data, len);
    dmp_buf_add(b, "\"", 1);
}


static inline void
entry_time(dmp_buf_t *b, const char *name, int64_t unix_ms)
{
    dmp_buf_text(b, name);
    dmp_buf_add(b, "\"", 1);
    dmp_buf_time(b, unix_ms);
    dmp_buf_add(b, "\"", 1);
}


static void
entry_code(dmp_buf_t *b, const char *name, const dmp_code_t *code)
{
    if (code->code.len > 0) {
        dmp_buf_text(b, name);
        dmp_buf_add(b, "[", 1);
        dmp_buf_json(b, code->system);
        dmp_buf_add(b, ",", 1);
        dmp_buf_json(b, code->code);
        dmp_buf_add(b, "]", 1);
    }
}


void
dmp_entry_begin(dmp_buf_t *b, const dmp_entry_head_t *head)
{
    entry_uint(b, "{\"format\":", DMP_ENTRY_FORMAT);
    entry_word(b, ",\"kind\":", dmp_kind_name(head->kind));
    entry_string(b, ",\"writer\":", head->writer);
    entry_uint(b, ",\"epoch\":", head->epoch);
    entry_uint(b, ",\"seq\":", head->seq);
    entry_bytes(b, ",\"prev\":", head->prev, DMP_HASH_LEN);
    entry_uint(b, ",\"bucket\":", head->bucket);
    entry_time(b, ",\"time\":", head->time_ms);
    entry_uint(b, ",\"ack\":[", head->ack_seq);
    entry_bytes(b, ",", head->ack, DMP_ACK_LEN);
    dmp_buf_add(b, "]", 1);
}


void
dmp_entry_end(dmp_buf_t *b)
{
    dmp_buf_add(b, "}", 1);
}


/*
 * Which certificate was shown.  One that was refused may have a serial number
 * that cannot be one, or an issuer without a name of its own.
 */
static void
entry_shown(dmp_buf_t *b, const dmp_subject_t *subject)
{
    dmp_str_t  serial, issuer;

    serial = subject->certificate_serial;
    issuer = subject->certificate_issuer;

    if (serial.len == 0 && issuer.len == 0) {
        return;
    }

    dmp_buf_text(b, ",\"certificate\":{");
    entry_optional(b, "\"serial\":", serial);
    entry_optional(b, serial.len > 0 ? ",\"issuer\":" : "\"issuer\":",
                   issuer);
    dmp_buf_add(b, "}", 1);
}


/*
 * A refused certificate vouches for nobody: what it says of its holder may be
 * somebody else's name.  It is told by what it is, and its holder is none.
 */
static void
entry_actor(dmp_buf_t *b, const dmp_subject_t *subject, bool unverified)
{
    if (subject->certificate == DMP_CREDENTIAL_REJECTED) {
        entry_word(b, ",\"actor\":{\"kind\":", dmp_actor_name(DMP_ACTOR_NONE));
        entry_word(b, ",\"auth\":", dmp_auth_name(DMP_AUTH_NONE));
        entry_shown(b, subject);
        dmp_buf_add(b, "}", 1);
        return;
    }

    entry_word(b, ",\"actor\":{\"kind\":", dmp_actor_name(subject->actor));
    entry_optional(b, ",\"id\":", subject->id);
    entry_code(b, ",\"role\":", &subject->role);
    entry_code(b, ",\"specialty\":", &subject->used.specialty);
    entry_code(b, ",\"sector\":", &subject->used.sector);
    entry_optional(b, ",\"structure\":", subject->used.structure);
    entry_word(b, ",\"auth\":", dmp_auth_name(subject->auth));

    if (unverified) {
        dmp_buf_text(b, ",\"unverified\":true");
    }

    if (subject->discreet) {
        dmp_buf_text(b, ",\"discreet\":true");
    }

    entry_shown(b, subject);
    dmp_buf_add(b, "}", 1);
}


/* What is sealed has no length of its own: none at all where there is none. */
static void
entry_sealed(dmp_buf_t *b, const char *name, dmp_str_t sealed)
{
    if (sealed.len > 0) {
        entry_bytes(b, name, (const unsigned char *) sealed.data, sealed.len);
    }
}


/*
 * A professional or a structure stands in clear, as who asks does; a person
 * who is named by their INS never does, and a client's other words do not.
 */
static bool
entry_names_target(const dmp_request_t *request)
{
    switch (request->change) {

    case DMP_CHANGE_AUTHORISE:
    case DMP_CHANGE_WITHDRAW:
    case DMP_CHANGE_BLOCK:
    case DMP_CHANGE_UNBLOCK:
    case DMP_CHANGE_DESIGNATE:
    case DMP_CHANGE_DISMISS:
        break;

    default:
        return false;
    }

    return request->target.len > 0 && request->target.len <= DMP_ID_MAX
           && (dmp_ps_id(request->target) != DMP_PS_ID_NONE
               || dmp_struct_id(request->target))
           && !dmp_ins_within(request->target);
}


/* Which change it is, and whom it concerns. */
static void
entry_change(dmp_buf_t *b, const dmp_request_t *request)
{
    if (request->operation != DMP_OPERATION_RIGHTS
        || request->change <= DMP_CHANGE_NONE
        || request->change >= DMP_CHANGE_MAX)
    {
        return;
    }

    entry_word(b, ",\"change\":", dmp_change_names.names[request->change]);

    if (entry_names_target(request)) {
        entry_string(b, ",\"target\":", request->target);
    }
}


/* Of whom, and what was asked for. */
static void
entry_asked(dmp_buf_t *b, const dmp_access_t *access)
{
    const char           *word;
    const dmp_request_t  *request;

    request = access->request;

    entry_optional(b, ",\"patient\":", access->patient);
    entry_word(b, ",\"operation\":", dmp_operation_name(request->operation));

    word = dmp_operation_transaction(request->operation);
    if (word != NULL && word[0] != '\0') {
        entry_word(b, ",\"transaction\":", word);
    }

    entry_word(b, ",\"mode\":", dmp_mode_name(request->mode));

    if (request->mode == DMP_MODE_BRIS_DE_GLACE
        || request->mode == DMP_MODE_CENTRE_15)
    {
        dmp_buf_text(b, ",\"emergency\":true");
    }

    entry_sealed(b, ",\"justification\":", access->justification);
    entry_change(b, request);
    entry_sealed(b, ",\"details\":", access->details);

    if (access->document.id.len > 0) {
        entry_string(b, ",\"documents\":[[", access->document.id);
        entry_string(b, ",", access->document.type);
        dmp_buf_add(b, "]]", 2);
    }
}


/* By which rule, why not, and by which text of the rules. */
static void
entry_decided(dmp_buf_t *b, const dmp_access_t *access)
{
    const dmp_decision_t  *decision;

    decision = access->decision;

    entry_word(b, ",\"decision\":", dmp_effect_name(decision->effect));
    entry_word(b, ",\"rule\":", dmp_rule_name(decision->rule));

    if (decision->reason > DMP_REASON_NONE
        && decision->reason < DMP_REASON_MAX)
    {
        entry_word(b, ",\"reason\":", dmp_reason_name(decision->reason));
    }

    if (access->policy.len > 0) {
        entry_string(b, ",\"policy\":",
                     (dmp_str_t) { access->policy.data, DMP_POLICY_TEXT });
    }
}


void
dmp_entry_access(dmp_buf_t *b, const dmp_access_t *access,
    uint64_t new_version)
{
    const dmp_request_t  *request;

    request = access->request;

    entry_string(b, ",\"trace\":", access->trace_id);
    entry_actor(b, access->subject, access->decision->unverified);
    entry_asked(b, access);
    entry_decided(b, access);
    entry_uint(b, ",\"version\":", access->version);

    if (new_version != 0) {
        entry_uint(b, ",\"new_version\":", new_version);
    }

    entry_optional(b, ",\"client\":", access->client);
    entry_optional(b, ",\"method\":", access->method);

    if (request->route != NULL) {
        entry_string(b, ",\"route\":",
                     (dmp_str_t) { request->route, strlen(request->route) });
    }

    if (access->repeated > 0) {
        entry_uint(b, ",\"repeated\":", access->repeated);
    }
}


static void
entry_buckets(dmp_buf_t *b, const unsigned *buckets, unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        entry_uint(b, i == 0 ? ",\"buckets\":[" : ",", buckets[i]);
    }

    if (n > 0) {
        dmp_buf_add(b, "]", 1);
    }
}


void
dmp_entry_admin(dmp_buf_t *b, const dmp_admin_t *admin)
{
    entry_string(b, ",\"trace\":", admin->trace_id);
    entry_actor(b, admin->subject, false);
    entry_string(b, ",\"command\":", admin->command);
    entry_optional(b, ",\"digest\":", admin->digest);

    if (admin->buckets != NULL) {
        entry_buckets(b, admin->buckets, admin->n_buckets);
    }

    entry_word(b, ",\"phase\":", admin->ended ? "end" : "begin");

    if (admin->ended) {
        entry_uint(b, ",\"added\":", admin->added);
        entry_uint(b, ",\"changed\":", admin->changed);
        entry_uint(b, ",\"removed\":", admin->removed);
    }
}


void
dmp_entry_outcomes(dmp_buf_t *b, const dmp_outcome_t *outcomes, size_t n,
    const char (*abandoned)[DMP_UUID_LEN], size_t n_abandoned)
{
    size_t  i;

    dmp_buf_text(b, ",\"outcomes\":[");

    /* one for each access: names of members would be half of it */
    for (i = 0; i < n; i++) {
        entry_string(b, i == 0 ? "[" : ",[",
                     (dmp_str_t) { outcomes[i].trace_id, DMP_UUID_LEN });
        entry_uint(b, ",", outcomes[i].status);
        entry_uint(b, ",", outcomes[i].bytes);
        entry_uint(b, ",", outcomes[i].shown);
        entry_uint(b, ",", outcomes[i].withheld);

        if (outcomes[i].reason != DMP_REASON_NONE) {
            entry_word(b, ",", dmp_reason_name(outcomes[i].reason));
        }

        dmp_buf_add(b, "]", 1);
    }

    dmp_buf_text(b, "],\"abandoned\":[");

    for (i = 0; i < n_abandoned; i++) {
        entry_string(b, i == 0 ? "" : ",",
                     (dmp_str_t) { abandoned[i], DMP_UUID_LEN });
    }

    dmp_buf_add(b, "]", 1);
}


void
dmp_entry_certificate(dmp_buf_t *b, const unsigned char *public_key,
    int64_t opened_ms, int64_t expires_ms, const unsigned char *signature,
    uint64_t heartbeat)
{
    entry_bytes(b, ",\"public\":", public_key, DMP_PUBLIC_LEN);
    entry_time(b, ",\"opened\":", opened_ms);
    entry_time(b, ",\"expires\":", expires_ms);
    entry_bytes(b, ",\"certificate\":", signature, DMP_SIGNATURE_LEN);

    if (heartbeat != 0) {
        entry_uint(b, ",\"heartbeat\":", heartbeat);
    }
}


const char *
dmp_heads_name(dmp_heads_t source)
{
    switch (source) {

    case DMP_HEADS_MEMORY:
        return "memory";

    case DMP_HEADS_STORE:
        return "store";

    default:
        return "none";
    }
}


bool
dmp_entry_is_writer(dmp_str_t name)
{
    char    c;
    size_t  i, node;

    if (name.len <= WRITER_RANDOM_LEN || name.len > DMP_WRITER_MAX) {
        return false;
    }

    node = name.len - WRITER_RANDOM_LEN - 1;

    for (i = 0; i < node; i++) {
        if (!dmp_entry_in_node(name.data[i])) {
            return false;
        }
    }

    for (i = node + 1; i < name.len; i++) {
        c = name.data[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }

    return name.data[node] == '/';
}


void
dmp_entry_of(dmp_buf_t *b, const dmp_other_t *other)
{
    entry_string(b, ",\"of\":[", other->writer);
    entry_uint(b, ",", other->epoch);
    dmp_buf_add(b, "]", 1);
    entry_word(b, ",\"source\":", dmp_heads_name(other->source));
}


void
dmp_entry_certified(dmp_buf_t *b, dmp_str_t writer, uint64_t epoch,
    const unsigned char public_key[DMP_PUBLIC_LEN], int64_t opened_ms,
    int64_t expires_ms, uint64_t heartbeat)
{
    dmp_buf_text(b, "dmp-epoch/1\n");
    dmp_buf_str(b, writer);
    entry_uint(b, "\n", epoch);
    dmp_buf_add(b, "\n", 1);
    dmp_buf_base64url(b, public_key, DMP_PUBLIC_LEN);
    dmp_buf_add(b, "\n", 1);
    dmp_buf_time(b, opened_ms);
    dmp_buf_add(b, "\n", 1);
    dmp_buf_time(b, expires_ms);
    entry_uint(b, "\n", heartbeat);
    dmp_buf_add(b, "\n", 1);
}


void
dmp_entry_list(dmp_buf_t *b, const char *name)
{
    dmp_buf_text(b, ",\"");
    dmp_buf_text(b, name);
    dmp_buf_text(b, "\":[");
}


void
dmp_entry_list_end(dmp_buf_t *b)
{
    dmp_buf_add(b, "]", 1);
}


void
dmp_entry_head(dmp_buf_t *b, bool first, const dmp_signed_head_t *head)
{
    entry_uint(b, first ? "[" : ",[", head->bucket);
    entry_uint(b, ",", head->epoch);
    entry_uint(b, ",", head->seq);
    entry_bytes(b, ",", head->digest, DMP_HASH_LEN);
    dmp_buf_add(b, "]", 1);
}


void
dmp_entry_carried(dmp_buf_t *b, bool first, const dmp_chain_head_t *head)
{
    entry_uint(b, first ? "[" : ",[", head->bucket);
    entry_uint(b, ",", head->epoch);
    entry_uint(b, ",", head->seq);
    entry_bytes(b, ",", head->hash, DMP_HASH_LEN);
    entry_uint(b, ",", head->acked);
    entry_bytes(b, ",", head->acks, DMP_HASH_LEN);
    dmp_buf_add(b, "]", 1);
}


void
dmp_entry_signature(dmp_buf_t *b, const unsigned char *signature)
{
    entry_bytes(b, ",\"signature\":", signature, DMP_SIGNATURE_LEN);
}


bool
dmp_entry_hash(const char *body, size_t len, unsigned char hash[DMP_HASH_LEN])
{
    return dmp_hash(body, len, hash);
}


bool
dmp_acks_extend(unsigned char digest[DMP_HASH_LEN], uint64_t seq,
    char outcome, uint64_t id_ms, uint64_t id_seq)
{
    char       text[DMP_HASH_LEN + 80];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_add(&b, (const char *) digest, DMP_HASH_LEN);
    dmp_buf_uint(&b, seq);
    dmp_buf_add(&b, ":", 1);
    dmp_buf_add(&b, &outcome, 1);
    dmp_buf_add(&b, ":", 1);
    dmp_buf_uint(&b, id_ms);
    dmp_buf_add(&b, "-", 1);
    dmp_buf_uint(&b, id_seq);

    return !b.full && dmp_hash(b.data, b.len, digest);
}


bool
dmp_head_digest(const unsigned char hash[DMP_HASH_LEN],
    const unsigned char acks[DMP_HASH_LEN],
    unsigned char digest[DMP_HASH_LEN])
{
    unsigned char  both[2 * DMP_HASH_LEN];

    memcpy(both, hash, DMP_HASH_LEN);
    memcpy(both + DMP_HASH_LEN, acks, DMP_HASH_LEN);

    return dmp_hash(both, sizeof(both), digest);
}


/* Digits up to "end" or a "-"; no sign, no leading zero, no overflow. */
static bool
entry_digits(const char **p, const char *end, uint64_t *out)
{
    uint64_t     n, digit;
    const char  *start;

    n = 0;
    start = *p;

    while (*p < end && **p >= '0' && **p <= '9') {
        digit = (uint64_t) (**p - '0');

        if (n > (UINT64_MAX - digit) / 10) {
            return false;
        }

        n = n * 10 + digit;
        (*p)++;
    }

    *out = n;

    return *p > start && (*start != '0' || *p == start + 1);
}


bool
dmp_stream_id_parse(dmp_str_t text, uint64_t *ms, uint64_t *n)
{
    const char  *p, *end;

    *ms = 0;
    *n = 0;
    p = text.data;
    end = text.data + text.len;

    if (text.len == 0 || !entry_digits(&p, end, ms) || p == end || *p != '-') {
        return false;
    }

    p++;

    return entry_digits(&p, end, n) && p == end;
}
