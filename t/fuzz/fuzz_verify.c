/*
 * fuzz_verify.c: any bytes as a store: entries, heads, receipts, lists and
 * what streams say, one per line after a byte that says which.  No crash, no
 * more memory than what was fed, and never whole without a key.  With it, the
 * kept logs are: their epochs are certified by the key of 32 "k".
 */

#include <stdlib.h>

#include <dmp/dmp_verify.h>


#define FUZZ_BUCKETS  4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* A number of the input; 0 at its end. */
static unsigned
fuzz_byte(const char **p, const char *end)
{
    return *p < end ? (unsigned char) *(*p)++ : 0;
}


static void
fuzz_receipt(dmp_verify_t *v, unsigned bucket, dmp_str_t line)
{
    dmp_receipt_t  r;

    r.trace_id.data = line.data;
    r.trace_id.len = line.len < DMP_UUID_LEN ? line.len : DMP_UUID_LEN;
    r.writer.data = line.data + r.trace_id.len;
    r.writer.len = line.len - r.trace_id.len;
    r.bucket = bucket;
    r.epoch = 1;
    r.seq = 1 + bucket;

    (void) dmp_verify_receipt(v, &r);
}


/* bucket and kind, time, outcome, and the rest of the line. */
static void
fuzz_line(dmp_verify_t *v, uint64_t *ms, const char *p, const char *end)
{
    char                 outcome;
    unsigned             what, bucket;
    dmp_str_t            line;
    dmp_stream_facts_t   facts;

    what = fuzz_byte(&p, end);
    bucket = what % FUZZ_BUCKETS;
    *ms += fuzz_byte(&p, end) % 16;
    outcome = "10RS"[fuzz_byte(&p, end) % 4];
    line = (dmp_str_t) { p, (size_t) (end - p) };

    switch (what / FUZZ_BUCKETS % 8) {

    case 0:
        facts.length = facts.added = line.len;
        facts.deleted_ms = 0;
        facts.deleted_seq = 0;
        (void) dmp_verify_stream(v, bucket, &facts);
        break;

    case 1:
        (void) dmp_verify_head(v, bucket, line, 1, *ms % 8,
                               line.len < DMP_HASH_LEN
                               ? NULL : (const unsigned char *) line.data);
        break;

    case 2:
        fuzz_receipt(v, bucket, line);
        break;

    default:
        (void) dmp_verify_entry(v, bucket, *ms, *ms % 3, line,
                                (dmp_str_t) { &outcome, 1 });
        (void) dmp_verify_waiting(v, &bucket);
    }
}


static void
fuzz_records(dmp_verify_t *v, const char *p, size_t size)
{
    size_t               pos;
    dmp_verify_record_t  r;

    pos = 0;

    while (dmp_verify_records(v, &pos, &r)) {
        (void) dmp_verify_version(v, r.patient, r.bucket, r.version,
                                  r.version + 1);
        (void) dmp_verify_history(v, r.patient,
                                  (dmp_str_t) { p, size < 16 ? size : 16 });
        (void) dmp_verify_history_end(v, r.patient);
    }
}


static void
fuzz_key(dmp_verify_t *v)
{
    EVP_PKEY             *key;
    const unsigned char  *secret;

    secret = (const unsigned char *) "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);

    if (key == NULL || dmp_verify_key(v, key) != DMP_OK) {
        abort();
    }

    EVP_PKEY_free(key);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                pos, n;
    uint64_t              ms;
    unsigned              how;
    const char           *p, *end, *eol;
    dmp_verify_t         *v;
    dmp_finding_t         finding;
    dmp_verify_result_t   result;

    v = dmp_verify_create(FUZZ_BUCKETS, 1780000100000);
    if (v == NULL) {
        return 0;
    }

    ms = 1780000000000;
    p = (const char *) data;
    end = p + size;
    how = fuzz_byte(&p, end);

    if (how % 2 == 1) {
        dmp_verify_since_recovery(v);
    }

    if (how / 2 % 2 == 1) {
        fuzz_key(v);
    }

    for (/* void */; p < end; p = eol + 1) {
        eol = memchr(p, '\n', (size_t) (end - p));

        if (eol == NULL) {
            eol = end;
        }

        fuzz_line(v, &ms, p, eol);
    }

    fuzz_records(v, (const char *) data, size);

    if (dmp_verify_finish(v, &result) == DMP_OK && result.entries > 0
        && result.findings == 0 && how / 2 % 2 == 0)
    {
        abort();
    }

    for (pos = 0, n = 0; dmp_verify_findings(v, &pos, &finding); n++) {
        /* nothing is anybody's own without a key */
        if (dmp_verify_cover(v, (dmp_str_t) { finding.writer,
                                              strlen(finding.writer) },
                             finding.bucket, finding.epoch, finding.seq)
            == DMP_COVER_PROVEN && how / 2 % 2 == 0)
        {
            abort();
        }

        if (finding.what == DMP_BREAK_NONE || finding.text[0] == '\0') {
            abort();
        }
    }

    if (n > result.findings) {
        abort();
    }

    dmp_verify_free(v);

    return 0;
}
