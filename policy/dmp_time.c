/*
 * dmp_time.c: dates.  The proleptic Gregorian calendar in UTC, and the legal
 * day in France.  No clock, no time zone files, no locale: the caller brings
 * the instant.
 */

#include <dmp/dmp.h>


#define DMP_DAY_SEC   86400
#define DMP_YEAR_MAX  9999               /* four digits: RFC 3339, FHIR */

typedef struct {
    int64_t   year;
    unsigned  month;                     /* 1 to 12 */
    unsigned  day;                       /* 1 to 31 */
} dmp_date_t;


static int64_t
dmp_floor_div(int64_t n, int64_t by)
{
    return n / by - (n % by < 0);
}


/*
 * Days since 1970-01-01 and back.  The year is taken to begin in March, so
 * that the leap day is its last and the months before it follow one formula.
 */
static int64_t
dmp_day_of_date(int64_t year, unsigned month, unsigned day)
{
    int64_t  era, year_of_era, day_of_year;

    year -= month <= 2;
    era = dmp_floor_div(year, 400);
    year_of_era = year - era * 400;
    day_of_year = (153 * ((int64_t) (month + 9) % 12) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4
           - year_of_era / 100 + day_of_year - 719468;
}


/* Of a month from 1 to 12. */
static int
dmp_days_of_month(int year, int month)
{
    if (month == 2) {
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    }

    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}


static dmp_date_t
dmp_date_of_day(int64_t day)
{
    int64_t     era, day_of_era, year_of_era, day_of_year, month;
    dmp_date_t  date;

    day += 719468;
    era = dmp_floor_div(day, 146097);
    day_of_era = day - era * 146097;
    year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524
                   - day_of_era / 146096) / 365;
    day_of_year = day_of_era
                  - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    month = (5 * day_of_year + 2) / 153;

    date.day = (unsigned) (day_of_year - (153 * month + 2) / 5 + 1);
    date.month = (unsigned) (month < 10 ? month + 3 : month - 9);
    date.year = era * 400 + year_of_era + (date.month <= 2);

    return date;
}


/* The last Sunday of a month of 31 days, as a day since 1970-01-01. */
static int64_t
dmp_last_sunday(int64_t year, unsigned month)
{
    int64_t  last, weekday;

    last = dmp_day_of_date(year, month, 31);

    /* 1970-01-01 was a Thursday, four days after a Sunday */

    weekday = last + 4 - dmp_floor_div(last + 4, 7) * 7;

    return last - weekday;
}


static void
dmp_digits(char *out, unsigned width, int64_t n)
{
    while (width > 0) {
        out[--width] = (char) ('0' + n % 10);
        n /= 10;
    }
}


void
dmp_buf_time(dmp_buf_t *b, int64_t unix_ms)
{
    char        text[] = "0000-00-00T00:00:00.000Z";
    int64_t     day, ms;
    dmp_date_t  date;

    day = dmp_floor_div(unix_ms, (int64_t) DMP_DAY_SEC * 1000);
    ms = unix_ms - day * DMP_DAY_SEC * 1000;
    date = dmp_date_of_day(day);

    /* a year that has no such form must not become another one */

    if (date.year < 0 || date.year > DMP_YEAR_MAX) {
        b->full = true;
        return;
    }

    dmp_digits(text, 4, date.year);
    dmp_digits(text + 5, 2, date.month);
    dmp_digits(text + 8, 2, date.day);
    dmp_digits(text + 11, 2, ms / 3600000);
    dmp_digits(text + 14, 2, ms / 60000 % 60);
    dmp_digits(text + 17, 2, ms / 1000 % 60);
    dmp_digits(text + 20, 3, ms % 1000);

    dmp_buf_add(b, text, sizeof(text) - 1);
}


int32_t
dmp_day_paris(int64_t unix_sec)
{
    int64_t  day, year, summer, winter, offset, limit;

    /* beyond what a day can say: the nearest it can */

    limit = (int64_t) INT32_MAX * DMP_DAY_SEC - DMP_DAY_SEC;

    if (unix_sec > limit) {
        return INT32_MAX;
    }

    if (unix_sec < -limit) {
        return INT32_MIN;
    }

    /* but for one hour a day it is the same one in summer and in winter */

    day = dmp_floor_div(unix_sec + 3600, DMP_DAY_SEC);

    if (day == dmp_floor_div(unix_sec + 7200, DMP_DAY_SEC)) {
        return (int32_t) day;
    }

    year = dmp_date_of_day(dmp_floor_div(unix_sec, DMP_DAY_SEC)).year;
    summer = dmp_last_sunday(year, 3) * DMP_DAY_SEC + 3600;
    winter = dmp_last_sunday(year, 10) * DMP_DAY_SEC + 3600;
    offset = unix_sec >= summer && unix_sec < winter ? 7200 : 3600;

    return (int32_t) dmp_floor_div(unix_sec + offset, DMP_DAY_SEC);
}


/*
 * Midnight there is 23:00 or 22:00 of the day before in UTC: at half past ten
 * it is the new day, or not.
 */
int64_t
dmp_day_begins_paris(int32_t day)
{
    int64_t  half_past_ten;

    half_past_ten = (int64_t) day * DMP_DAY_SEC - 5400;

    return (int64_t) day * DMP_DAY_SEC
           - (dmp_day_paris(half_past_ten) == day ? 7200 : 3600);
}


/* Two digits at p, up to max; -1 if they are not. */
static int
dmp_two_digits(const char *p, int max)
{
    int  n;

    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') {
        return -1;
    }

    n = (p[0] - '0') * 10 + (p[1] - '0');

    return n <= max ? n : -1;
}


bool
dmp_day_parse(dmp_str_t text, int32_t *day)
{
    int  century, year, month, date;

    if (text.len != 10 || text.data[4] != '-' || text.data[7] != '-') {
        return false;
    }

    century = dmp_two_digits(text.data, 99);
    year = dmp_two_digits(text.data + 2, 99);
    month = dmp_two_digits(text.data + 5, 12);
    date = dmp_two_digits(text.data + 8, 31);

    if (century < 0 || year < 0 || month < 1 || date < 1) {
        return false;
    }

    year += 100 * century;

    if (year == 0 || date > dmp_days_of_month(year, month)) {
        return false;
    }

    *day = (int32_t) dmp_day_of_date(year, (unsigned) month, (unsigned) date);

    return true;
}


size_t
dmp_birthdate_known(dmp_str_t text)
{
    char     whole[] = "0000-01-01";
    size_t   known;
    int32_t  day;

    known = text.len;

    if (known != 4 && known != 7 && known != 10) {
        return 0;
    }

    while (known > 4 && memcmp(text.data + known - 3, "-00", 3) == 0) {
        known -= 3;
    }

    memcpy(whole, text.data, known);

    return dmp_day_parse((dmp_str_t) { whole, 10 }, &day) ? known : 0;
}


/* "Z", or "+hh:mm" up to 14 hours, as seconds east of Greenwich. */
static bool
dmp_zone_parse(dmp_str_t text, int64_t *offset)
{
    int  hour, minute;

    if (text.len == 1 && text.data[0] == 'Z') {
        *offset = 0;
        return true;
    }

    if (text.len != 6 || (text.data[0] != '+' && text.data[0] != '-')
        || text.data[3] != ':')
    {
        return false;
    }

    hour = dmp_two_digits(text.data + 1, 14);
    minute = dmp_two_digits(text.data + 4, hour == 14 ? 0 : 59);

    if (hour < 0 || minute < 0) {
        return false;
    }

    *offset = (int64_t) hour * 3600 + minute * 60;

    if (text.data[0] == '-') {
        *offset = -*offset;
    }

    return true;
}


bool
dmp_instant_parse(dmp_str_t text, int64_t *unix_sec)
{
    int         hour, minute, second;
    size_t      i;
    int32_t     day;
    int64_t     offset;
    dmp_str_t   zone;

    /* "2026-02-01T10:15:00" and a zone, a fraction between them or not */

    if (text.len < 20 || text.data[10] != 'T' || text.data[13] != ':'
        || text.data[16] != ':'
        || !dmp_day_parse((dmp_str_t) { text.data, 10 }, &day))
    {
        return false;
    }

    /* a leap second, which FHIR has, is no second of this count */

    hour = dmp_two_digits(text.data + 11, 23);
    minute = dmp_two_digits(text.data + 14, 59);
    second = dmp_two_digits(text.data + 17, 59);

    if (hour < 0 || minute < 0 || second < 0) {
        return false;
    }

    i = 19;

    if (text.data[i] == '.') {

        for (i++; i < text.len; i++) {
            if (text.data[i] < '0' || text.data[i] > '9') {
                break;
            }
        }

        if (i == 20) {
            return false;
        }
    }

    zone.data = text.data + i;
    zone.len = text.len - i;

    if (!dmp_zone_parse(zone, &offset)) {
        return false;
    }

    *unix_sec = (int64_t) day * DMP_DAY_SEC + hour * 3600 + minute * 60
                + second - offset;

    return true;
}


int32_t
dmp_day_add_months(int32_t day, unsigned months)
{
    int64_t     n, first, next;
    dmp_date_t  date;

    date = dmp_date_of_day(day);

    /* the months counted through, then the first of that one and the next */

    n = date.year * 12 + (date.month - 1) + (int64_t) months;
    first = dmp_day_of_date(dmp_floor_div(n, 12),
                            (unsigned) (n - dmp_floor_div(n, 12) * 12) + 1, 1);
    n++;
    next = dmp_day_of_date(dmp_floor_div(n, 12),
                           (unsigned) (n - dmp_floor_div(n, 12) * 12) + 1, 1);

    n = first + date.day - 1 < next ? first + date.day - 1 : next - 1;

    return n < INT32_MAX ? (int32_t) n : INT32_MAX;
}
