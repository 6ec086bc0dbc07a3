/*
 * dmp_request.h: the raw request to one dmp_request_t, or a refusal.
 *
 * The target is parsed once, from the bytes the client sent, and whatever a
 * record host could read otherwise than we do is refused, never repaired.
 */

#ifndef DMP_REQUEST_H
#define DMP_REQUEST_H

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_record.h>


#define DMP_TARGET_MAX      8192         /* bytes of the raw target */
#define DMP_FORM_MAX        65536        /* of a form */
#define DMP_PARAMETERS_MAX  64
#define DMP_COUNT_MAX       1000         /* of _count */

/* Of our own headers: characters of the decoded text, bytes of the encoded. */
#define DMP_JUSTIFICATION_MAX      1000
#define DMP_JUSTIFICATION_ENCODED  4096
#define DMP_TRAIT_MAX              200   /* of each name */
#define DMP_TRAIT_ENCODED          2400

/* What to do with a request header on its way to the record host. */
typedef enum {
    DMP_HEADER_STRIP = 0,                /* for us, or it could change the
                                            answer */
    DMP_HEADER_FORWARD
} dmp_header_t;

/* From where a browser says that a request was made (Sec-Fetch-Site). */
typedef enum {
    DMP_SITE_NONE = 0,                   /* it does not say */
    DMP_SITE_SAME_ORIGIN,
    DMP_SITE_OTHER,                      /* another site, or no value of ours */
    DMP_SITE_USER                        /* typed, or a bookmark */
} dmp_site_t;

/* What the headers came to; begins all zero. */
typedef struct {
    unsigned     seen;                   /* which of ours were given */
    bool         ambiguous;
    bool         token;                  /* a credential besides the card */
    bool         format_refused;         /* Accept leaves us no JSON */
    bool         xml_only;               /* it leaves only FHIR in XML */
    bool         fhir;                   /* Accept prefers FHIR's JSON to any
                                            other */
    bool         form;                   /* Content-Type is that of a form */
    bool         json;                   /* Content-Type is application/json */
    bool         encoded;                /* Content-Encoding is not identity */
    bool         conditional;            /* only if it is in some state */
    bool         dmp_request;            /* DMP-Request is 1: no form of
                                            another site can say that */
    dmp_site_t   site;
    dmp_mode_t   mode;
    dmp_str_t    bearer;                 /* tokens, as given; they point into
                                            the values.  Empty with "token":
                                            a credential of another sort */
    dmp_str_t    session_cookie;
    dmp_str_t    justification;          /* these four as given: encoded; they
                                            point into the values */
    dmp_str_t    family;
    dmp_str_t    given;
    dmp_str_t    birthdate;
    const char  *why;
} dmp_headers_t;

/* Bytes that dmp_request_map() needs to decode what the headers hold. */
size_t dmp_headers_words(const dmp_headers_t *headers);

/*
 * Takes one header.  name and value are as received; names are compared
 * folded (case, "_" as "-"), since record hosts fold them too.  A few known
 * ones go on to the record host; no other does, nor one spelt with "_", which
 * nginx does not read and the host may.
 */
dmp_header_t dmp_request_header(dmp_headers_t *headers, dmp_str_t name,
    dmp_str_t value);

/* A request as it came, and what is needed to read it. */
typedef struct {
    dmp_str_t             method;
    dmp_str_t             target;
    dmp_str_t             base;          /* path of the FHIR base, without its
                                            last "/" */
    const dmp_headers_t  *headers;
    bool                  has_body;
    dmp_str_t             form;          /* the body of a POST …/_search; no
                                            data: it was not read yet */
    size_t                max_target;    /* 0: DMP_TARGET_MAX */
    size_t                max_form;      /* 0: DMP_FORM_MAX */
    unsigned              max_parameters;    /* 0: DMP_PARAMETERS_MAX; of query
                                            and form together */
    const dmp_keyring_t  *keys;          /* open pages; NULL: there are none */
    dmp_str_t             host;          /* as dmp_page_write() had it */
    char                 *room;          /* for a page, as long as *out */
    size_t                room_size;     /* DMP_PAGE_MAX is always enough */
    char                 *words;         /* for what headers and "find" say in
                                            words, as long as *out */
    size_t                words_size;    /* dmp_headers_words(), and for "find"
                                            the length of the target */
    dmp_mode_t            own_mode;      /* of the location: what is meant
                                            where no mode is claimed; NONE:
                                            normal */
    dmp_str_t             own_ins;       /* dmp_api_map(): whom "me" stands
                                            for; empty: nobody */
} dmp_raw_t;

/*
 * Maps a request on a FHIR location (PDSm for DMP).  *out is always written
 * whole; out->mapping is ONE only if the request says one thing, and
 * INCOMPLETE if it does so far: read its body, and map it again with it.
 * Strings of *out point into *raw's, into raw->room or into *out itself, which
 * is therefore not to be copied.
 */
void dmp_request_map(const dmp_raw_t *raw, dmp_request_t *out);


/*
 * A page: the host's link to another part of a search, sealed, so that a
 * client can follow it and neither read nor change it.  What it says is bound
 * to the patient of the search that brought it; who follows it is decided
 * anew.
 */
#define DMP_PAGE_MAX        4096         /* bytes of what it holds */
#define DMP_PAGE_TOKEN_MAX  5632         /* of its text: fits into a target */

typedef struct {
    dmp_operation_t  operation;          /* SEARCH or REFERENCE */
    dmp_resource_t   resource;           /* DOCUMENT_REFERENCE or LIST */
    dmp_str_t        ins_system;
    dmp_str_t        ins;
    dmp_str_t        target;             /* from the host's base on: "?…",
                                            "_page?…", "List?…", "List/?…",
                                            "List/_page/…" */
} dmp_page_t;

/*
 * Appends its text (base64url) to out.  host is the record host's name:
 * a page of one opens at no other.  DMP_E_LIMIT: it is too long;
 * DMP_E_UNKNOWN: the target is none that we would ask for.
 */
dmp_rc_t dmp_page_write(const dmp_keyring_t *keys, dmp_str_t host,
    const dmp_page_t *page, dmp_buf_t *out);

/* Opens one; strings of *page point into room (DMP_PAGE_MAX is enough). */
dmp_rc_t dmp_page_read(const dmp_keyring_t *keys, dmp_str_t host,
    dmp_str_t text, char *room, size_t size, dmp_page_t *page);

#endif
