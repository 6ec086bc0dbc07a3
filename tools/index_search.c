/*
 * index_search.c: asks the host for the documents of one patient, and follows
 * its pages to the end.  What is printed of a failure holds no INS.
 */

#include <stdlib.h>
#include <string.h>

#include "index_build.h"


#define SEARCH_SYSTEMS  4
#define SEARCH_URL_MAX  (INDEX_LINK_MAX + 1024)

/* An INS that nobody can have: no month of birth, no place. */
#define SEARCH_NOBODY   "000000000000097"

/* INS-NIR, INS-NIA, and the two for tests (NOS, INS). */
static const char  *const search_systems[SEARCH_SYSTEMS] = {
    "urn:oid:1.2.250.1.213.1.4.8", "urn:oid:1.2.250.1.213.1.4.9",
    "urn:oid:1.2.250.1.213.1.4.10", "urn:oid:1.2.250.1.213.1.4.11"
};

typedef struct {
    index_build_t    *b;
    index_patient_t  *p;
    char              url[SEARCH_URL_MAX];
    char              seen[SEARCH_URL_MAX];      /* a page asked for before */
    uint64_t          pages;
    uint64_t          documents;         /* of the page */
    long              status;
    const char       *why;
    index_page_t      page;
} search_t;


/* The first page; one of the systems, or all of them at once. */
static bool
search_first(search_t *s, dmp_str_t ins, int system)
{
    int        i;
    dmp_buf_t  url;

    dmp_buf_init(&url, s->url, sizeof(s->url) - 1);
    dmp_buf_str(&url, s->b->base);
    dmp_buf_text(&url, "/DocumentReference?patient.identifier=");

    for (i = 0; i < SEARCH_SYSTEMS; i++) {
        if (system < 0 || system == i) {
            dmp_buf_text(&url, i == 0 || system == i ? "" : ",");
            dmp_buf_text(&url, search_systems[i]);
            dmp_buf_text(&url, "%7C");
            dmp_buf_str(&url, ins);
        }
    }

    dmp_buf_text(&url, "&_count=");
    dmp_buf_uint(&url, s->b->page_size);
    s->url[url.len] = '\0';
    s->pages = 0;

    if (url.full) {
        s->why = "its address is too long";
    }

    return !url.full;
}


/* The next page's address in place of this one's. */
static bool
search_next(search_t *s)
{
    dmp_buf_t  url;
    dmp_str_t  target;

    target = index_link(s->b->addresses.bases, s->b->addresses.n_bases,
                        s->page.next);

    if (target.len == 0) {
        s->why = "its link to the next page leads elsewhere";
        return false;
    }

    dmp_buf_init(&url, s->url, sizeof(s->url) - 1);
    dmp_buf_str(&url, s->b->base);
    dmp_buf_text(&url, target.data[0] == '?' ? "" : "/");
    dmp_buf_str(&url, target);
    s->url[url.len] = '\0';

    if (url.full) {
        s->why = "its link to the next page is too long";
        return false;
    }

    if (strcmp(s->url, s->seen) == 0) {
        s->why = "its pages lead back to one of them";
        return false;
    }

    if (s->pages >= INDEX_PAGES_MAX) {
        s->why = "it has more than 100000 pages";
        return false;
    }

    return true;
}


/*
 * Asks for the page and reads it.  One page in two, four, eight… is
 * remembered: a loop of any length comes by it again (R. P. Brent, 1980).
 */
static bool
search_page(search_t *s)
{
    host_answer_t  answer;

    s->pages++;
    s->status = 0;

    if ((s->pages & (s->pages - 1)) == 0) {
        memcpy(s->seen, s->url, sizeof(s->seen));
    }

    if (!host_get(s->b->asks, s->url, &answer, &s->why)) {
        return false;
    }

    s->status = answer.status;

    if (answer.status != 200) {
        s->why = "it does not answer with a search";
        return false;
    }

    if (!answer.json) {
        s->why = "its answer is not JSON";
        return false;
    }

    switch (index_page_read(answer.body, answer.len, &s->page)) {

    case DMP_OK:
        return true;

    case DMP_E_UNKNOWN:
        s->why = "its answer is no page of a search";
        return false;

    case DMP_E_LIMIT:
        s->why = "its answer is deeper or has a longer link than is read";
        return false;

    default:
        s->why = "its answer is not JSON";
        return false;
    }
}


static bool
search_entry(void *data, dmp_rc_t rc, const dmp_document_t *document)
{
    search_t  *s;

    s = data;
    s->documents++;

    if (s->p == NULL) {
        return true;
    }

    if (rc != DMP_OK) {
        s->b->unreadable++;
        s->p->unread = true;
        return true;
    }

    return index_learn(s->b, s->p, document);
}


static index_rc_t
search_pages(search_t *s)
{
    for ( ;; ) {

        if (!search_page(s)) {
            return INDEX_FAILED;
        }

        if (!index_page_each(s->b->policy, &s->page, search_entry, s)
            || !commit_keep(&s->b->tool.commit))
        {
            return INDEX_STOP;
        }

        if (s->page.next.len == 0) {
            return INDEX_DONE;
        }

        if (!search_next(s)) {
            return INDEX_FAILED;
        }
    }
}


/* Whether the host says no to the list of identifiers, not to the question. */
static bool
search_refused(const search_t *s)
{
    return s->pages == 1
           && (s->status == 400 || s->status == 422 || s->status == 501);
}


static index_rc_t
search_each_system(search_t *s)
{
    int         i;
    index_rc_t  rc;

    rc = INDEX_DONE;

    for (i = 0; i < SEARCH_SYSTEMS && rc == INDEX_DONE; i++) {
        rc = search_first(s, s->p->ins, i) ? search_pages(s) : INDEX_FAILED;
    }

    return rc;
}


static search_t *
search_create(index_build_t *b, index_patient_t *p)
{
    search_t  *s;

    s = calloc(1, sizeof(*s));

    if (s == NULL) {
        tool_error("no memory");
        return NULL;
    }

    s->b = b;
    s->p = p;
    s->why = "";

    return s;
}


index_rc_t
index_search(index_build_t *b, index_patient_t *p)
{
    search_t    *s;
    index_rc_t   rc;

    s = search_create(b, p);
    if (s == NULL) {
        return INDEX_STOP;
    }

    rc = INDEX_FAILED;

    if (!b->one_system) {
        rc = search_first(s, p->ins, -1) ? search_pages(s) : INDEX_FAILED;
    }

    if (b->one_system || (rc == INDEX_FAILED && search_refused(s))) {
        rc = search_each_system(s);
        b->one_system = b->one_system || rc == INDEX_DONE;
    }

    if (rc == INDEX_FAILED && s->status != 0 && s->status != 200) {
        index_complain(b, p, "the host answers %ld on page %llu", s->status,
                       (unsigned long long) s->pages);

    } else if (rc == INDEX_FAILED) {
        index_complain(b, p, "the host's page %llu: %s",
                       (unsigned long long) s->pages, s->why);
    }

    free(s);

    return rc;
}


/*
 * A host that does not look at whom it is asked about would give everybody
 * the documents that name no INS: it is asked about nobody first.
 */
bool
index_control(index_build_t *b)
{
    bool       ok;
    search_t  *s;

    s = search_create(b, NULL);
    if (s == NULL) {
        return false;
    }

    ok = search_first(s, dmp_string(SEARCH_NOBODY), -1)
         && (search_page(s) || search_refused(s));

    if (!ok && s->status != 0 && s->status != 200) {
        tool_error("%s: the host answers %ld", b->url, s->status);

    } else if (!ok) {
        tool_error("%s: %s", b->url, s->why);

    } else if (s->status == 200) {
        (void) index_page_each(b->policy, &s->page, search_entry, s);

        if (s->documents != 0) {
            tool_error("%s: the host has documents of a patient who cannot "
                       "exist: it does not look at patient.identifier",
                       b->url);
            ok = false;
        }
    }

    free(s);

    return ok;
}
