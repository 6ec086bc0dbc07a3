/*
 * dmp_api_history.c: the one call of the API that has a query: from which day
 * to which day, how many entries, and before which.
 */

#include "dmp_api_history_int.h"


#define HISTORY_LIMIT       50
#define HISTORY_LIMIT_MAX   100          /* the law: a year, or 100 traces */
#define HISTORY_CURSOR_MAX  (((uint64_t) 1 << 53) - 1)
#define HISTORY_DIGITS      16

/* Reads a value; NULL, or why not. */
typedef const char *(*history_read_pt)(dmp_str_t value,
    dmp_history_query_t *query);

typedef struct {
    dmp_str_t        name;
    history_read_pt  read;
} history_parameter_t;


/* Decimal, from 1 to max, in its one form. */
static bool
history_number(dmp_str_t value, uint64_t max, uint64_t *out)
{
    size_t    i;
    uint64_t  n;

    if (value.len == 0 || value.len > HISTORY_DIGITS || value.data[0] == '0') {
        return false;
    }

    for (i = 0, n = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return false;
        }

        n = n * 10 + (uint64_t) (value.data[i] - '0');
    }

    *out = n;

    return n <= max;
}


/* Day 0 would be no day at all. */
static bool
history_day(dmp_str_t value, int32_t *day)
{
    return dmp_day_parse(value, day) && *day > 0;
}


static const char *
history_since(dmp_str_t value, dmp_history_query_t *query)
{
    return history_day(value, &query->since)
           ? NULL : "\"since\" is not a date after 1970-01-01 (YYYY-MM-DD)";
}


static const char *
history_until(dmp_str_t value, dmp_history_query_t *query)
{
    return history_day(value, &query->until)
           ? NULL : "\"until\" is not a date after 1970-01-01 (YYYY-MM-DD)";
}


static const char *
history_limit(dmp_str_t value, dmp_history_query_t *query)
{
    uint64_t  n;

    if (!history_number(value, HISTORY_LIMIT_MAX, &n)) {
        return "\"limit\" is not a number from 1 to 100";
    }

    query->limit = (unsigned) n;

    return NULL;
}


static const char *
history_cursor(dmp_str_t value, dmp_history_query_t *query)
{
    return history_number(value, HISTORY_CURSOR_MAX, &query->cursor)
           ? NULL : "\"cursor\" is none that was given";
}


static const history_parameter_t  history_parameters[] = {
    { dmp_string("since"),  history_since },
    { dmp_string("until"),  history_until },
    { dmp_string("limit"),  history_limit },
    { dmp_string("cursor"), history_cursor }
};

#define HISTORY_PARAMETERS                                                    \
    (sizeof(history_parameters) / sizeof(history_parameters[0]))


/* Up to the separator, which is passed over. */
static dmp_str_t
history_cut(dmp_str_t *text, char separator)
{
    dmp_str_t    part;
    const char  *end;

    part = *text;
    end = (text->len != 0) ? memchr(text->data, separator, text->len) : NULL;

    if (end == NULL) {
        *text = dmp_null_string;
        return part;
    }

    part.len = (size_t) (end - text->data);
    text->data = end + 1;
    text->len -= part.len + 1;

    return part;
}


static const char *
history_parameter(dmp_str_t value, unsigned *seen, dmp_history_query_t *query)
{
    size_t     i;
    dmp_str_t  name;

    name = history_cut(&value, '=');

    for (i = 0; i < HISTORY_PARAMETERS; i++) {
        if (dmp_str_eq(history_parameters[i].name, name)) {
            break;
        }
    }

    if (i == HISTORY_PARAMETERS) {
        return "a parameter other than \"since\", \"until\", \"limit\" and "
               "\"cursor\"";
    }

    if (*seen & (1u << i)) {
        return "a parameter is given twice";
    }

    *seen |= 1u << i;

    return history_parameters[i].read(value, query);
}


const char *
dmp_api_history(dmp_str_t query, dmp_request_t *out)
{
    unsigned     seen;
    dmp_str_t    one;
    const char  *why;

    memset(&out->history, 0, sizeof(dmp_history_query_t));
    out->history.limit = HISTORY_LIMIT;
    seen = 0;

    /* a last "&" leaves a parameter without a name */
    while (query.data != NULL) {
        one = history_cut(&query, '&');
        why = history_parameter(one, &seen, &out->history);

        if (why != NULL) {
            return why;
        }
    }

    if (out->history.since != 0 && out->history.until != 0
        && out->history.since >= out->history.until)
    {
        return "\"until\" is not after \"since\"";
    }

    return NULL;
}
