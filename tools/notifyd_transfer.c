/*
 * notifyd_transfer.c: what both channels ask of libcurl.
 */

#include "notifyd_transfer.h"


bool
transfer_setup(CURL *curl, const char *protocols, const char *cacert,
    int64_t timeout_ms)
{
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols)
           == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED)
              == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK
           && curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                               (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK
           && (cacert == NULL
               || curl_easy_setopt(curl, CURLOPT_CAINFO, cacert) == CURLE_OK)
           && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) timeout_ms)
              == CURLE_OK;
}
