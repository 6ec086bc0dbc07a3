/*
 * dmp_head.c: the head of a chain as text, as the store keeps and compares it:
 * what an operator reads there, and no two texts for one head.
 */

#include <dmp/dmp_trace.h>


#define HEAD_HASH_LEN  43                /* in base64url */


void
dmp_head_write(dmp_head_t *out, uint64_t epoch, uint64_t seq,
    const unsigned char hash[DMP_HASH_LEN])
{
    dmp_buf_t  b;

    out->len = 0;

    if (epoch == 0) {
        return;
    }

    /* two numbers of 20 digits at most, and the hash, fit */
    dmp_buf_init(&b, out->text, sizeof(out->text));
    dmp_buf_uint(&b, epoch);
    dmp_buf_add(&b, ":", 1);
    dmp_buf_uint(&b, seq);
    dmp_buf_add(&b, ":", 1);
    dmp_buf_base64url(&b, hash, DMP_HASH_LEN);

    out->len = b.len;
}


/* A number up to its colon, without zeros before it; text goes on after it. */
static bool
head_number(dmp_str_t *text, uint64_t *n)
{
    size_t  i;

    *n = 0;

    for (i = 0; i < text->len && text->data[i] >= '0' && text->data[i] <= '9';
         i++)
    {
        /* far beyond what any chain reaches, and no overflow */
        if (i == 18 || (i > 0 && *n == 0)) {
            return false;
        }

        *n = *n * 10 + (uint64_t) (text->data[i] - '0');
    }

    if (i == 0 || *n == 0 || i == text->len || text->data[i] != ':') {
        return false;
    }

    text->data += i + 1;
    text->len -= i + 1;

    return true;
}


bool
dmp_head_parse(dmp_str_t text, dmp_chain_head_t *head)
{
    return head_number(&text, &head->epoch)
           && head_number(&text, &head->seq)
           && text.len == HEAD_HASH_LEN
           && dmp_base64url_decode(text, head->hash, DMP_HASH_LEN);
}
