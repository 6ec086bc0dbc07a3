/*
 * fuzz_fold.c: any bytes as two names, or as a name and a list of them, parted
 * by the first line feed.  Nothing is the same as what is not UTF-8, and what
 * holds of a name holds of it in a list.
 */

#include <stdlib.h>

#include <dmp/dmp.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define TEXT_MAX  4096


static void
must(bool fact)
{
    if (!fact) {
        abort();
    }
}


static bool
is_utf8(dmp_str_t text)
{
    size_t                n;
    const unsigned char  *p, *end;

    if (text.len == 0) {
        return true;
    }

    p = (const unsigned char *) text.data;
    end = p + text.len;

    while (p < end) {
        n = dmp_utf8_length(p, end);

        if (n == 0) {
            return false;
        }

        p += n;
    }

    return true;
}


/* What stands before and behind it changes nothing where it does not count. */
static void
check_padded(dmp_str_t name)
{
    char       text[TEXT_MAX + 8];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_text(&b, "-\xc2\xa0");
    dmp_buf_str(&b, name);
    dmp_buf_text(&b, " '");

    must(dmp_fold_same((dmp_str_t) { b.data, b.len }, name));
    must(dmp_fold_same(name, (dmp_str_t) { b.data, b.len }));

    dmp_buf_text(&b, "x");
    must(!dmp_fold_same((dmp_str_t) { b.data, b.len }, name));
}


static void
check_list(dmp_str_t name)
{
    char       text[TEXT_MAX + 16];
    dmp_buf_t  b;

    /* a comma in it would part it, and so would a space: they may be many */

    if (memchr(name.data, ',', name.len) != NULL) {
        return;
    }

    dmp_buf_init(&b, text, sizeof(text));
    dmp_buf_text(&b, "before, ");
    dmp_buf_str(&b, name);
    dmp_buf_text(&b, ",after");

    if (dmp_fold_among(dmp_string("before"), (dmp_str_t) { b.data, b.len })) {
        must(dmp_fold_among(name, (dmp_str_t) { b.data, b.len }));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       n;
    dmp_str_t    a, b;
    const void  *end;

    if (size == 0 || size > TEXT_MAX) {
        return 0;
    }

    end = memchr(data, '\n', size);
    n = end != NULL ? (size_t) ((const uint8_t *) end - data) : size;

    a.data = (const char *) data;
    a.len = n;
    b.data = (const char *) data + n + (end != NULL);
    b.len = size - n - (end != NULL);

    must(dmp_fold_same(a, b) == dmp_fold_same(b, a));
    must(dmp_visible(a) <= a.len);

    if (!is_utf8(a) || !is_utf8(b)) {
        must(!dmp_fold_same(a, b));
        must(!dmp_fold_among(a, b));
        return 0;
    }

    (void) dmp_fold_among(a, b);

    if (dmp_fold_same(a, a)) {
        check_padded(a);
        check_list(a);

    } else {
        must(!dmp_fold_same(a, b) && !dmp_fold_among(a, b));
    }

    return 0;
}
