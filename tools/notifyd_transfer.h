/*
 * notifyd_transfer.h: what both channels ask of libcurl.
 */

#ifndef TOOL_NOTIFYD_TRANSFER_H
#define TOOL_NOTIFYD_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>


/*
 * Only these protocols ("http,https"), no proxy and no secret of the
 * environment, TLS 1.2 at least, by that authority (NULL: the system's), no
 * longer than so many milliseconds.  false without memory.
 */
bool transfer_setup(CURL *curl, const char *protocols, const char *cacert,
    int64_t timeout_ms);

#endif
