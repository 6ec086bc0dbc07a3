/*
 * fuzz_index_page.c: any bytes as a page of a search, and as a link: no crash;
 * what is read stays within it, and no link leads out of the host's base.
 */

#include <stdlib.h>

#include "../../tools/index_page.h"
#include "../unit/small_policy.h"


#define check(what)                                                          \
                                                                             \
    do {                                                                     \
        if (!(what)) {                                                       \
            abort();                                                         \
        }                                                                    \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned  seen;


/* Every byte is there to be read, which the address sanitizer watches. */
static void
touch(dmp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        seen += (unsigned char) s.data[i];
    }
}


static bool
each(void *data, dmp_rc_t rc, const dmp_document_t *document)
{
    unsigned  i;

    check((rc == DMP_OK) == (document != NULL));
    (*(size_t *) data)++;

    if (document != NULL) {
        touch(document->id);

        for (i = 0; i < document->n_attachments; i++) {
            touch(document->attachments[i]);
        }
    }

    return true;
}


/* What is asked for behind a base: no way up, and nothing but a target. */
static void
check_target(dmp_str_t target)
{
    size_t  i;

    check(target.data[0] != '/');

    for (i = 0; i < target.len; i++) {
        check(target.data[i] > 0x20 && target.data[i] != 0x7f
              && target.data[i] != '#' && target.data[i] != '\\');
    }

    for (i = 0; i < target.len && target.data[i] != '?'; i++) {
        check(target.data[i] != '%');

        if (target.data[i] == '.' && i + 1 < target.len
            && target.data[i + 1] == '.')
        {
            check((i > 0 && target.data[i - 1] != '/')
                  || (i + 2 < target.len && target.data[i + 2] != '/'
                      && target.data[i + 2] != '?'));
        }
    }
}


static void
check_link(dmp_str_t link)
{
    dmp_str_t               target, base, path;

    static const dmp_str_t  bases[] = {
        dmp_string("http://h/fhir"), dmp_string("/fhir")
    };

    target = index_link(bases, 2, link);

    if (target.len != 0) {
        check(target.data >= link.data
              && target.data + target.len == link.data + link.len);
        check_target(target);
    }

    base = index_base(link);

    if (base.len != 0) {
        check(base.data == link.data && base.len <= link.len);
        check(memchr(base.data, '@', base.len) == NULL
              && base.data[base.len - 1] != '/');
        path = index_base_path(base);
        check(path.len == 0 || path.data + path.len == base.data + base.len);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t               n;
    dmp_str_t            text;

    static index_page_t  page;

    text.data = (const char *) data;
    text.len = size;
    n = 0;

    if (size == 0) {
        return 0;
    }

    check_link(text);

    if (index_page_read(text.data, size, &page) != DMP_OK) {
        check(page.entries.len == 0 && page.next.len == 0);
        return 0;
    }

    if (page.entries.len != 0) {
        check(page.entries.data >= text.data
              && page.entries.data + page.entries.len <= text.data + size);
    }

    check(index_page_each(&small_policy, &page, each, &n));
    check(n <= page.entries.len);
    touch(page.next);

    if (page.next.len != 0) {
        check_link(page.next);
    }

    return 0;
}
