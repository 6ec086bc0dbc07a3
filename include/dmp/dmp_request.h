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


#define DMP_TARGET_MAX      4096         /* bytes of the raw target */
#define DMP_PARAMETERS_MAX  64

/* What to do with a request header on its way to the record host. */
typedef enum {
    DMP_HEADER_STRIP = 0,                /* for us, or it changes the answer */
    DMP_HEADER_FORWARD
} dmp_header_t;

/* What the headers came to; begins all zero. */
typedef struct {
    unsigned     seen;                   /* which of ours were given */
    bool         ambiguous;
    bool         token;                  /* a credential besides the card */
    bool         format_refused;         /* Accept leaves us no JSON */
    dmp_mode_t   mode;
    const char  *why;
} dmp_headers_t;

/*
 * Takes one header.  name and value are as received; names are compared
 * folded (case, "_" as "-"), since record hosts fold them too.
 */
dmp_header_t dmp_request_header(dmp_headers_t *headers, dmp_str_t name,
    dmp_str_t value);

/*
 * Maps a request on a FHIR location (PDSm for DMP).  target is the raw
 * request target, base the path of the FHIR base without its last "/".
 * *out is always written whole; out->mapping is ONE only if the request says
 * one thing.  Strings of *out point into target or into *out itself.
 */
void dmp_request_map(dmp_str_t method, dmp_str_t target, dmp_str_t base,
    const dmp_headers_t *headers, bool has_body, dmp_request_t *out);

#endif
