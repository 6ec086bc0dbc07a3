/*
 * Differences between the versions of nginx that Debian ships (1.22 and
 * 1.26), and nothing else.
 */

#ifndef NGX_HTTP_DMP_COMPAT_H
#define NGX_HTTP_DMP_COMPAT_H

#include <ngx_config.h>
#include <ngx_core.h>


/* Since 1.23.0 headers of one name are chained; a pushed one ends its chain. */
#if (nginx_version >= 1023000)
#define ngx_http_dmp_header_alone(h)  (h)->next = NULL
#else
#define ngx_http_dmp_header_alone(h)
#endif

#endif
