/*
 * dmp_api_int.h: what the files that map requests on the API share: the calls,
 * a request while it is read, and the readers of bodies.
 */

#ifndef DMP_API_INT_H
#define DMP_API_INT_H

#include <jansson.h>

#include <dmp/dmp_change.h>

#include "dmp_request_int.h"


#define API_SEGMENTS      4              /* records/{ins}/blocks/{ps} */
#define API_DOCUMENT_MAX  256            /* bytes of a document's name */
#define API_RPPS_LEN      11

/* What a path begins with. */
typedef enum {
    API_PATH_RECORD = 0,                 /* records/{ins}, and what follows */
    API_PATH_RECORDS,                    /* records */
    API_PATH_SESSION                     /* session, and what follows */
} dmp_api_path_t;

/* What the last segment names. */
typedef enum {
    API_NAMES_NOTHING = 0,
    API_NAMES_PERSON,
    API_NAMES_GRANTEE,                   /* a person or a structure */
    API_NAMES_DOCUMENT
} dmp_api_names_t;

typedef struct dmp_api_call_s  dmp_api_call_t;

/* A request while it is read. */
typedef struct {
    const dmp_raw_t       *raw;
    dmp_request_t         *out;
    const dmp_api_call_t  *call;
    dmp_room_t             room;
    dmp_str_t              segments[API_SEGMENTS];
    unsigned               n;
    dmp_str_t              query;        /* no data: there is none */
} dmp_api_t;

/* Reads the body into *api->out; NULL, or why not. */
typedef const char *(*dmp_api_body_pt)(dmp_api_t *api, json_t *body);

/* One call; a part that is empty: the record, or the session, itself. */
struct dmp_api_call_s {
    dmp_str_t         method;
    dmp_api_path_t    path;
    dmp_str_t         part;
    dmp_api_names_t   names;
    dmp_operation_t   operation;
    dmp_change_t      change;
    bool              optional;          /* the body */
    dmp_api_body_pt   body;              /* NULL: there is none */
    const char       *route;
};


/*
 * dmp_api_body.c and dmp_api_body_person.c: what stands in bodies.  Strings of
 * *out are copied: the tree goes.
 */
bool dmp_api_has_only(json_t *body, const char *const *names);
bool dmp_api_choice(json_t *body, const char *name, dmp_choice_t *out);

/*
 * A member that is text without control characters, of at most max bytes.
 * Absent: no data, and true.  False: it is no such text, or there is no room.
 */
bool dmp_api_text(dmp_api_t *api, json_t *body, const char *name, size_t max,
    dmp_str_t *out);

const char *dmp_api_body_status(dmp_api_t *api, json_t *body);
const char *dmp_api_body_emergency(dmp_api_t *api, json_t *body);
const char *dmp_api_body_authorisation(dmp_api_t *api, json_t *body);
const char *dmp_api_body_masks(dmp_api_t *api, json_t *body);

const char *dmp_api_body_sign_in(dmp_api_t *api, json_t *body);
const char *dmp_api_body_code(dmp_api_t *api, json_t *body);
const char *dmp_api_body_password(dmp_api_t *api, json_t *body);
const char *dmp_api_body_recovery(dmp_api_t *api, json_t *body);
const char *dmp_api_body_create(dmp_api_t *api, json_t *body);
const char *dmp_api_body_contact(dmp_api_t *api, json_t *body);

#endif
