/*
 * dmp_record_find.c: look-ups in the lists of a record: names compared whole,
 * byte by byte, and without a call for each.
 */

#include <dmp/dmp_record.h>


static const void *
record_find_short(const char *p, size_t n, size_t size, dmp_str_t name)
{
    size_t            i;
    const dmp_str_t  *s;

    for ( /* void */ ; n != 0; n--, p += size) {
        s = (const void *) p;

        if (s->len != name.len) {
            continue;
        }

        for (i = 0; i < name.len && s->data[i] == name.data[i]; i++) {
            /* look for another byte */
        }

        if (i == name.len) {
            return p;
        }
    }

    return NULL;
}


static inline uint64_t
record_word(const char *p)
{
    uint64_t  word;

    memcpy(&word, p, sizeof(word));

    return word;
}


/*
 * Identifiers of one length differ at their end most often: the last eight
 * bytes are looked at first, and then from the beginning, eight at a time.
 */
static const void *
record_find_long(const char *p, size_t n, size_t size, dmp_str_t name)
{
    size_t            i, head;
    uint64_t          tail;
    const dmp_str_t  *s;

    head = name.len - sizeof(tail);
    tail = record_word(name.data + head);

    for ( /* void */ ; n != 0; n--, p += size) {
        s = (const void *) p;

        if (s->len != name.len || record_word(s->data + head) != tail) {
            continue;
        }

        for (i = 0; i < head; i += sizeof(tail)) {
            if (record_word(s->data + i) != record_word(name.data + i)) {
                break;
            }
        }

        if (i >= head) {
            return p;
        }
    }

    return NULL;
}


const void *
dmp_find_named(const void *list, size_t n, size_t size, dmp_str_t name)
{
    return (name.len < sizeof(uint64_t))
           ? record_find_short(list, n, size, name)
           : record_find_long(list, n, size, name);
}
