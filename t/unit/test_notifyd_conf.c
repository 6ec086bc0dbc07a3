/*
 * test_notifyd_conf.c: the configuration of dmp-notifyd: what is read, and
 * what is refused, by the member that is named.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/notifyd_conf.h"


#define REDIS  "\"redis\":{\"address\":\"unix:/s\"},"
#define KEYS   "\"record_keys\":[\"/k\"],"
#define PLACE  "\"place\":\"https://dmp.example.org\","
#define LEAST  REDIS KEYS PLACE
#define SMTP(more)  "\"smtp\":{\"host\":\"relay.example.org\","              \
                    "\"from\":\"a@example.org\"" more "}"
#define SMS(more)   "\"sms\":{\"url\":\"https://sms.example.org/v1\""        \
                    more "}"
#define BODY   ",\"json\":{\"a\":\"{to}\",\"b\":\"{text}\"}"

static conf_t       conf;
static dmp_error_t  error;


static dmp_rc_t
parse(const char *text)
{
    conf_free(&conf);

    return conf_parse((dmp_str_t) { text, strlen(text) }, &conf, &error);
}


static void
right(const char *text)
{
    assert_int_equal(parse(text), DMP_OK);
    assert_string_equal(error.text, "");
}


static void
wrong(const char *text, const char *why)
{
    assert_int_equal(parse(text), DMP_E_SYNTAX);

    if (strstr(error.text, why) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", why, error.text);
    }
}


static void
test_right(void **state)
{
    (void) state;
    right("{" LEAST SMTP("") "}");
    assert_string_equal(conf.redis, "unix:/s");
    assert_int_equal(conf.record_keys.n, 1);
    assert_string_equal(conf.record_keys.item[0], "/k");
    assert_int_equal(conf.smtp.tls, CONF_STARTTLS);
    assert_int_equal(conf.smtp.port, 587);
    assert_null(conf.sms.url);
    assert_int_equal(conf.takeover_ms, 60000);
    assert_int_equal(conf.tries, 20);

    right("{" LEAST SMTP(",\"tls\":\"tls\",\"user\":\"u\","
                         "\"password_file\":\"/p\",\"auth\":\"login\"") "}");
    assert_int_equal(conf.smtp.tls, CONF_TLS);
    assert_int_equal(conf.smtp.port, 465);

    right("{" LEAST SMS(BODY ",\"expect\":[200,202],\"country\":\"33\"") ","
          "\"retry\":{\"tries\":3,\"first_ms\":10,\"most_ms\":10},"
          "\"takeover_ms\":20000,\"name\":\"a\",\"metrics_file\":\"/m\"}");
    assert_int_equal(conf.sms.n_expect, 2);
    assert_int_equal(conf.sms.expect[1], 202);
    assert_int_equal(conf.retry_most_ms, 10);
    assert_int_equal(conf.takeover_ms, 20000);

    right("{" LEAST SMS(",\"form\":{\"a\":\"{to}\",\"b\":\"{text} {secret}\"},"
                        "\"secret_file\":\"/s\"") "}");
    assert_non_null(conf.sms.form);
}


static void
test_shape(void **state)
{
    (void) state;
    assert_int_equal(parse("{\n\"a\":\n}"), DMP_E_SYNTAX);
    assert_int_equal(error.line, 3);
    wrong("[]", "not an object");
    wrong("{" LEAST SMTP("") ",\"name\":\"a\",\"name\":\"b\"}", "duplicate");
    wrong("{" LEAST SMTP("") ",\"tries\":1}", "unknown member \"tries\"");
    wrong("{" LEAST SMTP(",\"pasword\":\"x\"") "}",
          "unknown member \"smtp.pasword\"");
    wrong("{" KEYS PLACE SMTP("") "}", "\"redis\" is missing");
    wrong("{\"redis\":{}," KEYS PLACE SMTP("") "}",
          "\"redis.address\" is missing");
    wrong("{" REDIS KEYS SMTP("") "}", "\"place\" is missing");
    wrong("{" LEAST "\"smtp\":[]}", "\"smtp\" is not an object");
    wrong("{" LEAST SMTP("") ",\"name\":3}", "\"name\" is not a text");
    wrong("{" LEAST SMTP("") ",\"name\":\"\"}", "\"name\" is not a text");
    wrong("{" LEAST SMTP("") ",\"name\":\"a\\nb\"}", "control character");
    wrong("{" LEAST SMTP("") ",\"takeover_ms\":\"1\"}", "whole number");
    wrong("{" LEAST SMTP("") ",\"takeover_ms\":999}",
          "\"takeover_ms\": 999 is not between 1000 and 86400000");
    wrong("{" REDIS PLACE "\"record_keys\":[]," SMTP("") "}",
          "\"record_keys\"");
    wrong("{" REDIS PLACE "\"record_keys\":[1]," SMTP("") "}",
          "\"record_keys[0]\"");
    wrong("{" REDIS PLACE "\"record_keys\":[\"1\",\"2\",\"3\",\"4\",\"5\","
          "\"6\",\"7\",\"8\",\"9\"]," SMTP("") "}", "\"record_keys\"");
}


static void
test_between(void **state)
{
    (void) state;
    wrong("{" LEAST "\"name\":\"a\"}", "neither \"smtp\" nor \"sms\"");
    wrong("{\"redis\":{\"address\":\"unix:/s\",\"user\":\"n\"}," KEYS PLACE
          SMTP("") "}", "\"redis.password_file\"");
    wrong("{" LEAST SMTP("") ",\"retry\":{\"first_ms\":20,\"most_ms\":10}}",
          "\"retry.first_ms\"");
    wrong("{" LEAST SMTP(",\"timeout_ms\":10000") ",\"takeover_ms\":19999}",
          "\"takeover_ms\": 19999");
    wrong("{" LEAST SMTP("") "," SMS(BODY ",\"timeout_ms\":40000") "}",
          "\"takeover_ms\"");
}


static void
test_smtp(void **state)
{
    (void) state;
    wrong("{" LEAST SMTP(",\"tls\":\"none\"") "}", "\"smtp.tls\": codes");
    wrong("{" LEAST SMTP(",\"tls\":\"none\",\"plain_on_loopback\":true") "}",
          "\"smtp.tls\": codes");
    wrong("{" LEAST SMTP(",\"tls\":\"NONE\"") "}", "\"NONE\" is not");
    wrong("{" LEAST SMTP(",\"user\":\"u\"") "}", "\"smtp.password_file\"");
    wrong("{" LEAST SMTP(",\"auth\":\"cram-md5\"") "}", "\"cram-md5\"");
    wrong("{" LEAST SMTP(",\"port\":65536") "}", "\"smtp.port\": 65536");
    wrong("{" LEAST SMTP(",\"hello\":\"a b\"") "}", "\"smtp.hello\"");
    wrong("{" LEAST "\"smtp\":{\"host\":\"a/b\",\"from\":\"a@b\"}}",
          "\"smtp.host\": \"a/b\"");
    wrong("{" LEAST "\"smtp\":{\"host\":\"a\",\"from\":\"Moi <a@b>\"}}",
          "\"smtp.from\"");

    right("{" LEAST "\"smtp\":{\"host\":\"127.0.0.2\",\"from\":\"a@b\","
          "\"tls\":\"none\",\"plain_on_loopback\":true}}");
    assert_int_equal(conf.smtp.tls, CONF_PLAIN);
    assert_int_equal(conf.smtp.port, 25);
    wrong("{" LEAST "\"smtp\":{\"host\":\"127.0.0.2.example.org\","
          "\"from\":\"a@b\",\"tls\":\"none\",\"plain_on_loopback\":true}}",
          "\"smtp.tls\": codes");
}


static void
plain_url(const char *url, bool allowed)
{
    char  text[512];

    (void) snprintf(text, sizeof(text), "{" LEAST "\"sms\":{\"url\":\"%s\","
                    "\"plain_on_loopback\":true" BODY "}}", url);

    if (allowed) {
        right(text);

    } else {
        wrong(text, "\"sms.url\"");
    }
}


static void
test_sms(void **state)
{
    (void) state;
    plain_url("http://127.0.0.1/", true);
    plain_url("http://localhost:80/a?b", true);
    plain_url("http://[::1]:80/", true);
    plain_url("http://127.0.0.1", true);
    plain_url("http://127.0.0.1.example.org/", false);
    plain_url("http://127.0.0.1@example.org/", false);
    plain_url("http://a:b@127.0.0.1/", false);
    plain_url("http://example.org/127.0.0.1", false);
    plain_url("http://[::2]/", false);
    plain_url("http://", false);
    plain_url("https://", false);
    plain_url("ftp://127.0.0.1/", false);
    plain_url("https://example.org/{to}", false);
    plain_url("https://example.org/a b", false);

    wrong("{" LEAST "\"sms\":{\"url\":\"http://127.0.0.1/\"" BODY "}}",
          "\"sms.plain_on_loopback\"");
    wrong("{" LEAST SMS("") "}", "one of \"json\" and \"form\"");
    wrong("{" LEAST SMS(BODY ",\"form\":{}") "}",
          "one of \"json\" and \"form\"");
    wrong("{" LEAST SMS(",\"json\":{\"a\":\"{to}\"}") "}", "{text}");
    wrong("{" LEAST SMS(",\"form\":{\"a\":\"{text}\"}") "}", "{to}");
    wrong("{" LEAST SMS(",\"json\":[\"{to}{text}\",{\"x\":[\"{ins}\"]}]")
          "}", "\"sms.json\": \"{ins}\" is no placeholder");
    wrong("{" LEAST SMS(",\"json\":\"{to}{text}{place}\"") "}",
          "\"{place}\" must not");
    wrong("{" LEAST SMS(",\"form\":{\"a\":1}") "}", "\"sms.form\": \"a\"");
    wrong("{" LEAST SMS(BODY ",\"headers\":{\"A\":\"{to}\"}") "}",
          "\"{to}\" must not");
    wrong("{" LEAST SMS(BODY ",\"headers\":{\"A:\":\"b\"}") "}",
          "no name of a header");
    wrong("{" LEAST SMS(BODY ",\"headers\":{\"A\":\"b\\r\\nC: d\"}") "}",
          "\"sms.headers\": \"A\"");
    wrong("{" LEAST SMS(BODY ",\"headers\":{\"A\":\"{secret}\"}") "}",
          "\"sms.secret_file\"");
    wrong("{" LEAST SMS(BODY ",\"secret_file\":\"/s\"") "}",
          "\"sms.secret_file\"");
    wrong("{" LEAST SMS(BODY ",\"expect\":[]") "}", "\"sms.expect\"");
    wrong("{" LEAST SMS(BODY ",\"expect\":[404]") "}", "\"sms.expect\"");
    wrong("{" LEAST SMS(BODY ",\"expect\":[\"200\"]") "}", "\"sms.expect\"");
    wrong("{" LEAST SMS(BODY ",\"country\":\"+33\"") "}", "\"sms.country\"");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_between),
        cmocka_unit_test(test_smtp),
        cmocka_unit_test(test_sms)
    };
    int                      failed;

    failed = cmocka_run_group_tests(tests, NULL, NULL);
    conf_free(&conf);

    return failed;
}
