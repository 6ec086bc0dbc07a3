/*
 * scan_plain.h: the scanner a second time, in its plain form and under other
 * names, to be compared with the one in the library.  Include it once, after
 * the other headers.
 */

#ifndef SCAN_PLAIN_H
#define SCAN_PLAIN_H

#include <dmp/dmp_scan.h>


#define dmp_scan_init      plain_scan_init
#define dmp_scan_limit     plain_scan_limit
#define dmp_scan_peek      plain_scan_peek
#define dmp_scan_object    plain_scan_object
#define dmp_scan_member    plain_scan_member
#define dmp_scan_array     plain_scan_array
#define dmp_scan_element   plain_scan_element
#define dmp_scan_string    plain_scan_string
#define dmp_scan_bool      plain_scan_bool
#define dmp_scan_number    plain_scan_number
#define dmp_scan_uint      plain_scan_uint
#define dmp_scan_skip      plain_scan_skip
#define dmp_scan_end       plain_scan_end
#define dmp_scan_offset    plain_scan_offset
#define dmp_scan_strerror  plain_scan_strerror
#define dmp_scan_rc        plain_scan_rc
#define dmp_scan_stop      plain_scan_stop
#define dmp_scan_stop_at   plain_scan_stop_at
#define dmp_scan_rest      plain_scan_rest
#define dmp_scan_scalar    plain_scan_scalar
#define dmp_scan_new_name  plain_scan_new_name
#define dmp_scan_over      plain_scan_over

#define DMP_SCAN_PLAIN  1

#include "../../policy/dmp_scan.c"
#include "../../policy/dmp_scan_names.c"

#ifdef DMP_SCAN_BLOCK
#error "this is not the plain form"
#endif

#undef dmp_scan_init
#undef dmp_scan_limit
#undef dmp_scan_peek
#undef dmp_scan_object
#undef dmp_scan_member
#undef dmp_scan_array
#undef dmp_scan_element
#undef dmp_scan_string
#undef dmp_scan_bool
#undef dmp_scan_number
#undef dmp_scan_uint
#undef dmp_scan_skip
#undef dmp_scan_end
#undef dmp_scan_offset
#undef dmp_scan_strerror
#undef dmp_scan_rc
#undef dmp_scan_stop
#undef dmp_scan_stop_at
#undef dmp_scan_rest
#undef dmp_scan_scalar
#undef dmp_scan_new_name
#undef dmp_scan_over

#endif
