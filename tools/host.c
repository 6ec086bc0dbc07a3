/*
 * host.c: the client of record hosts, on libcurl.  An address holds an INS:
 * it goes to the host that the operator named, by no proxy of the environment,
 * and is never printed.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include "dmpctl.h"
#include "host.h"


#define HOST_FIRST         (64u * 1024)
#define HOST_CONNECT_S     10L
#define HOST_SILENT_S      60L           /* of a host that says nothing more */

struct host_s {
    CURL               *curl;
    struct curl_slist  *headers;
    char               *body;
    size_t              len;
    size_t              size;
    bool                too_large;
    bool                no_memory;
    char                why[CURL_ERROR_SIZE];
};


/* Not realloc(): it would leave a copy behind. */
static bool
host_room(host_t *host, size_t more)
{
    char    *body;
    size_t   size;

    size = host->size != 0 ? host->size : HOST_FIRST;

    while (size - host->len < more) {
        size *= 2;
    }

    if (size == host->size) {
        return true;
    }

    body = malloc(size);
    if (body == NULL) {
        host->no_memory = true;
        return false;
    }

    if (host->body != NULL) {
        memcpy(body, host->body, host->len);
        OPENSSL_cleanse(host->body, host->size);
        free(host->body);
    }

    host->body = body;
    host->size = size;

    return true;
}


static size_t
host_take(char *data, size_t one, size_t n, void *to)
{
    host_t  *host;

    host = to;
    n *= one;                            /* one is 1 */

    if (n > HOST_ANSWER_MAX - host->len) {
        host->too_large = true;
        return 0;
    }

    if (!host_room(host, n)) {
        return 0;
    }

    memcpy(host->body + host->len, data, n);
    host->len += n;

    return n;
}


static bool
host_setup(host_t *host, const host_options_t *o)
{
    CURL  *c;

    host->headers = curl_slist_append(NULL, "Accept: application/fhir+json");
    c = host->curl;

    return host->headers != NULL
           && curl_easy_setopt(c, CURLOPT_HTTPHEADER, host->headers) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https")
              == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_USERAGENT, "dmpctl") == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_SSLVERSION,
                               (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, HOST_CONNECT_S)
              == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, HOST_SILENT_S)
              == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_ERRORBUFFER, host->why) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, host_take) == CURLE_OK
           && curl_easy_setopt(c, CURLOPT_WRITEDATA, host) == CURLE_OK
           && (o->cacert == NULL
               || curl_easy_setopt(c, CURLOPT_CAINFO, o->cacert) == CURLE_OK)
           && (o->cert == NULL
               || curl_easy_setopt(c, CURLOPT_SSLCERT, o->cert) == CURLE_OK)
           && (o->key == NULL
               || curl_easy_setopt(c, CURLOPT_SSLKEY, o->key) == CURLE_OK);
}


host_t *
host_open(const host_options_t *options)
{
    host_t  *host;

    host = calloc(1, sizeof(*host));

    if (host != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        host->curl = curl_easy_init();
    }

    if (host == NULL || host->curl == NULL || !host_setup(host, options)) {
        tool_error("no client could be made for the host");
        host_close(host);
        return NULL;
    }

    return host;
}


void
host_close(host_t *host)
{
    if (host == NULL) {
        return;
    }

    curl_easy_cleanup(host->curl);
    curl_slist_free_all(host->headers);

    if (host->body != NULL) {
        OPENSSL_cleanse(host->body, host->size);
        free(host->body);
    }

    free(host);
}


static bool
host_is_json(const char *type)
{
    size_t  i, len;

    static const char  *const types[] = {
        "application/fhir+json", "application/json"
    };

    if (type == NULL) {
        return false;
    }

    len = strcspn(type, "; \t");

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strlen(types[i]) == len && strncasecmp(type, types[i], len) == 0) {
            return true;
        }
    }

    return false;
}


bool
host_get(host_t *host, const char *url, host_answer_t *answer,
    const char **why)
{
    char      *type;
    CURLcode   rc;

    memset(answer, 0, sizeof(*answer));
    host->len = 0;
    host->too_large = false;
    host->no_memory = false;
    host->why[0] = '\0';
    type = NULL;
    *why = "no memory";

    if (curl_easy_setopt(host->curl, CURLOPT_URL, url) != CURLE_OK
        || !host_room(host, 1))
    {
        return false;
    }

    rc = curl_easy_perform(host->curl);

    if (rc != CURLE_OK) {
        *why = host->too_large ? "its answer is larger than 64 MiB"
               : host->no_memory ? "no memory"
               : host->why[0] != '\0' ? host->why : curl_easy_strerror(rc);
        return false;
    }

    if (curl_easy_getinfo(host->curl, CURLINFO_RESPONSE_CODE, &answer->status)
        != CURLE_OK
        || curl_easy_getinfo(host->curl, CURLINFO_CONTENT_TYPE, &type)
           != CURLE_OK)
    {
        *why = "its answer has no status";
        return false;
    }

    answer->json = host_is_json(type);
    answer->body = host->body;
    answer->len = host->len;
    *why = "";

    return true;
}
