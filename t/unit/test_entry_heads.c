/*
 * test_entry_heads.c: the bytes of entries that name heads, of those that an
 * operator reopened and of signatures, and what is refused of them.
 */

#include "writer_case.h"


#define HASH_H     "aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGg"
#define HASH_A     "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE"
#define ZEROS      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SIGNATURE  ZEROS ZEROS
#define DEAD       "gw-a/0123456789abcdef"


/* How the entry's bytes go on from that member. */
static void
goes_on(const char *name, const char *expected)
{
    size_t       left;
    const char  *at;

    at = member_of(name);
    left = entry.body.len - (size_t) (at - entry.body.data);

    if (left < strlen(expected) || memcmp(at, expected, strlen(expected)) != 0)
    {
        fail_msg("%.*s", (int) left, at);
    }
}


/* An end of another's epoch, with heads of two buckets. */
static void
close_other(dmp_heads_t source)
{
    dmp_other_t       other;
    dmp_chain_head_t  heads[2];

    memset(heads, 0, sizeof(heads));
    heads[0].bucket = 1;
    heads[0].epoch = 3;
    heads[0].seq = 9;
    heads[0].acked = 8;
    memset(heads[0].hash, 'h', DMP_HASH_LEN);
    memset(heads[0].acks, 'a', DMP_HASH_LEN);
    heads[1].bucket = 3;
    heads[1].epoch = 3;
    heads[1].seq = 1;
    memset(heads[1].hash, 'h', DMP_HASH_LEN);

    other.writer = dmp_string(DEAD);
    other.epoch = 3;
    other.source = source;
    other.heads = heads;
    other.n_heads = 2;
    assert_int_equal(dmp_writer_close_other(w, now(), &other, &buf, &entry),
                     DMP_OK);
}


static void
test_close_bytes(void **state)
{
    (void) state;
    open_epoch();
    close_other(DMP_HEADS_MEMORY);
    goes_on("{\"format\":", "{\"format\":1,\"kind\":\"epoch-close\","
            "\"writer\":\"gw-1---/");
    goes_on(",\"time\":", ",\"time\":\"2026-05-28T20:26:40.003Z\",\"ack\":[1,");
    goes_on(",\"of\":", ",\"of\":[\"" DEAD "\",3],\"source\":\"memory\","
            "\"heads\":[[1,3,9,\"" HASH_H "\",8,\"" HASH_A "\"],"
            "[3,3,1,\"" HASH_H "\",0,\"" ZEROS "\"]],\"signature\":\"");
    sent('S');

    close_other(DMP_HEADS_STORE);
    goes_on(",\"of\":", ",\"of\":[\"" DEAD "\",3],\"source\":\"store\","
            "\"heads\":[[1,");
    sent('S');
}


static void
test_close_refused(void **state)
{
    char           own[128];
    edit_t         edit;
    dmp_str_t      name;
    dmp_writer_t  *other;

    static const edit_t  edits[] = {
        { ",\"of\":[\"" DEAD "\",3]", "", DMP_E_UNKNOWN,
          "member \"source\" where \"heads\" should be" },
        { ",\"source\":\"memory\"", "", DMP_E_UNKNOWN,
          "member \"heads\" where \"source\" should be" },
        { "\"source\":\"memory\"", "\"source\":\"disk\"", DMP_E_UNKNOWN,
          "unknown source \"disk\"" },
        { "\"source\":\"memory\"", "\"source\":\"none\"", DMP_E_UNKNOWN,
          "unknown source \"none\"" },
        { "\"source\":\"memory\"", "\"source\":\"\"", DMP_E_UNKNOWN,
          "unknown source \"\"" },
        { "\"source\":\"memory\"", "\"source\":null", DMP_E_SYNTAX,
          "wrong value of \"source\"" },
        { ",\"of\":[\"" DEAD "\",3],\"source\":\"memory\"", "", DMP_E_SYNTAX,
          "wrong value of \"heads\"" },
        { "\"" DEAD "\",3]", "\"" DEAD "\",0]", DMP_E_SYNTAX,
          "wrong value of \"of\"" },
        { "\"" DEAD "\",3]", "\"" DEAD "\"]", DMP_E_SYNTAX,
          "wrong value of \"of\"" },
        { "\"" DEAD "\",3]", "\"" DEAD "\",3,3]", DMP_E_SYNTAX,
          "wrong value of \"of\"" },
        { "\"of\":[\"" DEAD "\",3]", "\"of\":\"" DEAD "\"", DMP_E_SYNTAX,
          "wrong value of \"of\"" },
        { "\"" DEAD "\"", "\"gw-a/0123456789abcde\"", DMP_E_SYNTAX,
          "wrong value of \"of\"" },
        { "\"" DEAD "\"", "\"gw a/0123456789abcdef\"", DMP_E_SYNTAX,
          "wrong value of \"of\"" },
        { "\"" DEAD "\"", "\"gw-a-0123456789abcdef\"", DMP_E_SYNTAX,
          "wrong value of \"of\"" },
        { "\"" DEAD "\"", "\"gw-\\u0061/0123456789abcdef\"", DMP_E_SYNTAX,
          "wrong value of \"of\"" },
        { "[[1,3,9,", "[[3,3,9,", DMP_E_SYNTAX, "wrong value of \"heads\"" },
        { "[[1,3,9,", "[[256,3,9,", DMP_E_SYNTAX,
          "wrong value of \"heads\"" },
        { ",8,\"" HASH_A, ",10,\"" HASH_A, DMP_E_SYNTAX,
          "wrong value of \"heads\"" },
        { ",8,\"" HASH_A, ",\"" HASH_A, DMP_E_SYNTAX,
          "wrong value of \"heads\"" },
        { HASH_A, "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWF",
          DMP_E_SYNTAX, "wrong value of \"heads\"" },
        { HASH_A "\"]", HASH_A "\",1]", DMP_E_SYNTAX,
          "wrong value of \"heads\"" },
        { "\"]],\"signature", "\"],],\"signature", DMP_E_SYNTAX,
          "wrong value of \"heads\"" },
        { "\"kind\":\"epoch-close\"", "\"kind\":\"checkpoint\"",
          DMP_E_UNKNOWN, "member \"of\" where \"heads\" should be" },
        { "\"kind\":\"epoch-close\"", "\"kind\":\"heartbeat\"",
          DMP_E_UNKNOWN, "member \"of\" where \"heads\" should be" },
        { ",\"signature\":", ",\"signed\":", DMP_E_UNKNOWN,
          "member \"signed\" where \"signature\" should be" },
        { "\"signature\":\"", "\"signature\":\"A", DMP_E_SYNTAX,
          "wrong value of \"signature\"" },
    };

    (void) state;
    open_epoch();
    close_other(DMP_HEADS_MEMORY);
    REFUSED_EACH(edits);

    /* its own epoch is ended otherwise; of one more writer it can be */
    name = dmp_writer_name(w);
    (void) snprintf(own, sizeof(own), "\"%.*s\",3]", (int) name.len,
                    name.data);
    edit = (edit_t) { "\"" DEAD "\",3]", own, DMP_E_SYNTAX,
                      "wrong value of \"of\"" };
    refused_with(&edit);

    other = dmp_writer_create(dmp_string("gw"), LOG_BUCKETS, audit_key, NULL);
    assert_non_null(other);
    name = dmp_writer_name(other);
    (void) snprintf(own, sizeof(own), "\"%.*s\",3]", (int) name.len,
                    name.data);
    edit = (edit_t) { "\"" DEAD "\",3]", own, DMP_OK, "" };
    refused_with(&edit);
    dmp_writer_free(other);
    sent('S');
}


static void
test_open_bytes(void **state)
{
    static const edit_t  edits[] = {
        { "\"heartbeat\":30", "\"heartbeat\":0", DMP_E_SYNTAX,
          "wrong value of \"heartbeat\"" },
        { "\"heartbeat\":30", "\"heartbeat\":3601", DMP_E_SYNTAX,
          "wrong value of \"heartbeat\"" },
        { "\"heartbeat\":30", "\"heartbeat\":\"30\"", DMP_E_SYNTAX,
          "wrong value of \"heartbeat\"" },
        { "\"heartbeat\":30", "\"heartbeat\":30,\"heartbeat\":30",
          DMP_E_UNKNOWN, "member \"heartbeat\" where \"carried\" should be" },
        { ",\"heartbeat\":30,\"carried\":[]",
          ",\"carried\":[],\"heartbeat\":30", DMP_E_UNKNOWN,
          "unknown member \"heartbeat\"" },
        { "\"carried\":[]", "\"carried\":[[1]]", DMP_E_SYNTAX,
          "wrong value of \"carried\"" },
        { "\"carried\":[]", "\"carried\":[[1,1,1,\"" ZEROS "\",\"" ZEROS "\"]]",
          DMP_E_SYNTAX, "wrong value of \"carried\"" },
        { "\"carried\":[]", "\"carried\":[],\"heads\":[]", DMP_E_UNKNOWN,
          "unknown member \"heads\"" },
    };

    (void) state;
    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf, &entry), DMP_OK);
    goes_on("\",\"carried\":", "\",\"carried\":[]}");
    sent('S');

    dmp_writer_free(w);
    w = dmp_writer_create(dmp_string("gw"), LOG_BUCKETS, audit_key, NULL);
    assert_non_null(w);
    dmp_writer_heartbeats(w, true);
    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf, &entry), DMP_OK);
    goes_on("\",\"heartbeat\":", "\",\"heartbeat\":30,\"carried\":[]}");
    REFUSED_EACH(edits);
    sent('S');
}


static void
test_heartbeat_bytes(void **state)
{
    char              expected[256];
    dmp_buf_t         b;
    unsigned char     digest[DMP_HASH_LEN];
    dmp_chain_head_t  head;

    static const edit_t  edits[] = {
        { ",\"heads\":[", ",\"carried\":[", DMP_E_UNKNOWN,
          "member \"carried\" where \"heads\" should be" },
        { "\"kind\":\"heartbeat\"", "\"kind\":\"heartbeats\"", DMP_E_UNKNOWN,
          "unknown kind \"heartbeats\"" },
        { "\"kind\":\"heartbeat\"", "\"kind\":\"none\"", DMP_E_UNKNOWN,
          "unknown kind \"none\"" },
        { "\"kind\":\"heartbeat\"", "\"kind\":\"epoch-open\"", DMP_E_UNKNOWN,
          "member \"heads\" where \"public\" should be" },
        /* of five or six, or of three; a digest cut; a bucket that is none */
        { "\"]],\"signature", "\",\"" ZEROS "\"]],\"signature", DMP_E_SYNTAX,
          "wrong value of \"heads\"" },
        { "\"]],\"signature", "\",1,\"" ZEROS "\"]],\"signature",
          DMP_E_SYNTAX, "wrong value of \"heads\"" },
        { ",1,1,\"", ",1,\"", DMP_E_SYNTAX, "wrong value of \"heads\"" },
        { ",1,1,\"", ",1,1,\"-", DMP_E_SYNTAX, "wrong value of \"heads\"" },
        { "\"]],\"signature", "\"],[0,1,1,\"" ZEROS "\"]],\"signature",
          DMP_E_SYNTAX, "wrong value of \"heads\"" },
        { "\"]],\"signature", "\"],[256,1,1,\"" ZEROS "\"]],\"signature",
          DMP_E_SYNTAX, "wrong value of \"heads\"" },
        { "\"]],\"signature", "\"],],\"signature", DMP_E_SYNTAX,
          "wrong value of \"heads\"" },
    };

    (void) state;
    open_epoch();
    assert_int_equal(dmp_writer_heartbeat(w, now(), &buf, &entry), DMP_OK);
    goes_on("{\"format\":1,",
            "{\"format\":1,\"kind\":\"heartbeat\",\"writer\":\"gw-1");
    assert_true(dmp_writer_known(w, dmp_writer_home(w), &head));
    assert_true(dmp_head_digest(head.hash, head.acks, digest));
    dmp_buf_init(&b, expected, sizeof(expected));
    dmp_buf_text(&b, "],\"heads\":[[");
    dmp_buf_uint(&b, dmp_writer_home(w));
    dmp_buf_text(&b, ",1,1,\"");
    dmp_buf_base64url(&b, digest, sizeof(digest));
    dmp_buf_text(&b, "\"]],\"signature\":\"");
    dmp_buf_add(&b, "", 1);
    goes_on("],\"heads\":", expected);
    REFUSED_EACH(edits);
    sent('S');
}


static void
recover(const unsigned *buckets, unsigned n, bool ended)
{
    log_admin_t  a;

    log_make_admin(&a, now(), ended);
    a.admin.command = dmp_string("audit recover");
    a.admin.buckets = buckets;
    a.admin.n_buckets = n;
    assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry), DMP_OK);
}


static void
test_buckets(void **state)
{
    dmp_entry_view_t       view;
    static const unsigned  buckets[] = { 0, 2, 3 };

    (void) state;
    open_epoch();
    recover(buckets, 3, false);
    rest_is(",\"command\":", ",\"command\":\"audit recover\",\"digest\":"
            "\"Vd0VnWq1cCnZ3l6cIXg0bJH0wRrXJw2Q0sFf0J5l3aE\","
            "\"buckets\":[0,2,3],\"phase\":\"begin\"}");
    view_of(&view);
    assert_true(dmp_str_eq(view.buckets, dmp_string("[0,2,3]")));
    assert_false(view.ended);
    sent('S');

    recover(buckets + 1, 1, true);
    goes_on(",\"buckets\":", ",\"buckets\":[2],\"phase\":\"end\",\"added\":");
    view_of(&view);
    assert_true(dmp_str_eq(view.buckets, dmp_string("[2]")));
    assert_true(view.ended);
    sent('S');

    /* none, in two ways */
    recover(NULL, 3, true);
    view_of(&view);
    assert_int_equal(view.buckets.len, 0);
    sent('S');
    recover(buckets, 0, true);
    view_of(&view);
    assert_int_equal(view.buckets.len, 0);
    sent('S');
}


static void
test_buckets_refused(void **state)
{
    size_t                i;
    log_admin_t           a;
    static const edit_t   edits[] = {
        { "[0,2,3]", "[]", DMP_E_SYNTAX, "wrong value of \"buckets\"" },
        { "[0,2,3]", "[0,2,2]", DMP_E_SYNTAX, "wrong value of \"buckets\"" },
        { "[0,2,3]", "[2,0,3]", DMP_E_SYNTAX, "wrong value of \"buckets\"" },
        { "[0,2,3]", "[0,2,256]", DMP_E_SYNTAX,
          "wrong value of \"buckets\"" },
        { "[0,2,3]", "[0,2,]", DMP_E_SYNTAX, "wrong value of \"buckets\"" },
        { "[0,2,3]", "[0,,3]", DMP_E_SYNTAX, "wrong value of \"buckets\"" },
        { "[0,2,3]", "[0,02,3]", DMP_E_SYNTAX, "wrong value of \"buckets\"" },
        { "[0,2,3]", "[0,\"2\",3]", DMP_E_SYNTAX,
          "wrong value of \"buckets\"" },
        { "[0,2,3]", "[0,2,3", DMP_E_SYNTAX, "wrong value of \"buckets\"" },
        { "[0,2,3]", "0", DMP_E_SYNTAX, "wrong value of \"buckets\"" },
        { ",\"buckets\":[0,2,3],\"phase\":\"begin\"",
          ",\"phase\":\"begin\",\"buckets\":[0,2,3]", DMP_E_UNKNOWN,
          "unknown member \"buckets\"" },
    };

    static const unsigned  buckets[] = { 0, 2, 3 };
    static const unsigned  wrong[][2] = {
        { 1, 1 }, { 2, 1 }, { 0, LOG_BUCKETS }
    };

    (void) state;
    open_epoch();
    recover(buckets, 3, false);
    REFUSED_EACH(edits);
    sent('S');

    log_make_admin(&a, now(), false);
    a.admin.n_buckets = 2;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        a.admin.buckets = wrong[i];
        assert_int_equal(dmp_writer_admin(w, &a.admin, &buf, &entry),
                         DMP_E_INTERNAL);
        assert_null(entry.body.data);
    }
}


/* A signature is the last member, and where nobody asks for one it may lack. */
static void
test_signature_refused(void **state)
{
    static const edit_t  edits[] = {
        { "\"method\":\"GET\"", "\"method\":\"GET\",\"signature\":\"AA\"",
          DMP_E_SYNTAX, "wrong value of \"signature\"" },
        { ",\"signature\":\"", ",\"signature\":\"-", DMP_E_SYNTAX,
          "wrong value of \"signature\"" },
        { ",\"signature\":\"", ",\"signature\":1,\"x\":\"", DMP_E_SYNTAX,
          "wrong value of \"signature\"" },
        /* bits that stand for nothing */
        { ",\"signature\":\"", ",\"signature\":\"" ZEROS
          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI\",\"x\":\"",
          DMP_E_SYNTAX, "wrong value of \"signature\"" },
        { ",\"signature\":\"", ",\"sig\":\"", DMP_E_UNKNOWN,
          "unknown member \"sig\"" },
        { ",\"signature\":\"", ",\"signature\": \"", DMP_E_SYNTAX,
          "wrong value of \"signature\"" },
        { ",\"signature\":\"", ", \"signature\":\"", DMP_E_SYNTAX,
          "not the form of an entry at byte " },
        { ",\"signature\":\"", ",\"signature\":\"" SIGNATURE
          "\",\"signature\":\"", DMP_E_UNKNOWN,
          "unknown member \"signature\"" },
        { ",\"signature\":\"", ",\"signature\":\"" SIGNATURE "\"}",
          DMP_E_SYNTAX, "text after the end at byte " },
    };

    (void) state;
    dmp_writer_sign_each(w, true);
    open_epoch();
    assert_int_equal(access_in(1), DMP_OK);
    REFUSED_EACH(edits);
    sent('1');
}


/* One text for one entry: what other readers of JSON pass over is an error. */
static void
test_form(void **state)
{
    static const edit_t  edits[] = {
        { "{\"format\"", " {\"format\"", DMP_E_SYNTAX,
          "not the form of an entry at byte 0 " },
        { "{\"format\":1,", "{ \"format\":1,", DMP_E_SYNTAX,
          "not the form of an entry at byte 1 " },
        { "{\"format\":1,", "[\"format\",1,", DMP_E_SYNTAX,
          "not the form of an entry at byte 0 " },
        { "{\"format\":1,", "{\"format\":2,", DMP_E_SYNTAX,
          "wrong value of \"format\"" },
        { "{\"format\":1,", "{\"format\":1.0,", DMP_E_SYNTAX,
          "wrong value of \"format\"" },
        { "{\"format\":1,", "{\"format\":01,", DMP_E_SYNTAX,
          "wrong value of \"format\"" },
        { "{\"format\":1,", "{\"format\":1 ,", DMP_E_SYNTAX,
          "wrong value of \"format\"" },
        { "{\"format\":1,", "{\"format\":1e0,", DMP_E_SYNTAX,
          "wrong value of \"format\"" },
        { "{\"format\":1,", "{\"format\":10000000000000000000000,",
          DMP_E_SYNTAX, "wrong value of \"format\"" },
        { "{\"format\":1,", "{", DMP_E_UNKNOWN,
          "member \"kind\" where \"format\" should be" },
        { "{\"format\":1,", "{\"form\\u0061t\":1,", DMP_E_SYNTAX,
          "not the form of an entry at byte 1 " },
        { ",\"seq\":", ",\"s\\u0065q\":", DMP_E_SYNTAX,
          "not the form of an entry at byte " },
        /* what does not apply is left out, and not denied */
        { ",\"mode\":\"normal\"", ",\"mode\":\"normal\",\"emergency\":false",
          DMP_E_SYNTAX, "wrong value of \"emergency\"" },
        { ",\"mode\":\"normal\"", ",\"mode\":\"normal\",\"emergency\":truey",
          DMP_E_SYNTAX, "not the form of an entry at byte " },
        { ",\"mode\":\"normal\"", ",\"mode\":\"normal\",\"emergency\":1",
          DMP_E_SYNTAX, "wrong value of \"emergency\"" },
        { ",\"mode\":\"normal\"", ",\"mode\":\"normal\",\"emergency\":true,"
          "\"emergency\":true", DMP_E_UNKNOWN,
          "member \"emergency\" where \"decision\" should be" },
        { ",\"mode\":\"normal\"", ",\"mode\":\"normal\",\"emergency\":true",
          DMP_OK, "" },
        { ",\"rule\":\"G1\"", ",\"rule\":\"G1\",\"reason\":\"none\"",
          DMP_E_SYNTAX, "wrong value of \"reason\"" },
        { ",\"rule\":\"G1\"", ",\"rule\":\"G1\",\"reason\":\"\"",
          DMP_E_SYNTAX, "wrong value of \"reason\"" },
        { ",\"rule\":\"G1\"", ",\"rule\":\"G1\",\"reason\":null",
          DMP_E_SYNTAX, "wrong value of \"reason\"" },
        { ",\"rule\":\"G1\"", ",\"rule\":\"G1\",\"reason\":\"blocked\"",
          DMP_OK, "" },
        /* whole digests, and such that are cut elsewhere */
        { "\"ack\":[0,\"AAAAAAAAAAAAAAAAAAAAAA\"]",
          "\"ack\":[0,\"" ZEROS "\"]", DMP_E_SYNTAX,
          "wrong value of \"ack\"" },
        { "\"ack\":[0,\"A", "\"ack\":[0,\"", DMP_E_SYNTAX,
          "wrong value of \"ack\"" },
        { "\"ack\":[0,\"AAAAAAAAAAAAAAAAAAAAAA\"]",
          "\"ack\":[0,\"AAAAAAAAAAAAAAAAAAAAAB\"]", DMP_E_SYNTAX,
          "wrong value of \"ack\"" },
        { "\"policy\":\"Vd0VnWq1cCnZ3l6cIXg0bJ\"",
          "\"policy\":\"Vd0VnWq1cCnZ3l6cIXg0bJH0wRrXJw2Q0sFf0J5l3aE\"",
          DMP_E_SYNTAX, "wrong value of \"policy\"" },
        { "\"policy\":\"V", "\"policy\":\"", DMP_E_SYNTAX,
          "wrong value of \"policy\"" },
        { "\"policy\":\"Vd0VnWq1cCnZ3l6cIXg0bJ\"", "\"policy\":\"\"",
          DMP_E_SYNTAX, "wrong value of \"policy\"" },
        { ",\"policy\":\"Vd0VnWq1cCnZ3l6cIXg0bJ\"", "", DMP_OK, "" },
        { "\"unverified\":true", "\"unverified\":false", DMP_E_SYNTAX,
          "wrong value of \"unverified\"" },
        { "\"unverified\":true", "\"unverified\":true,\"discreet\":true",
          DMP_OK, "" },
        { "\"unverified\":true", "\"unverified\":true,\"discreet\":false",
          DMP_E_SYNTAX, "wrong value of \"discreet\"" },
        { "\"unverified\":true", "\"discreet\":true,\"unverified\":true",
          DMP_E_UNKNOWN, "unknown member \"unverified\"" },
        { "\"actor\":{", "\"actor\":[", DMP_E_SYNTAX,
          "wrong value of \"actor\"" },
        { "\"certificate\":{", "\"certificate\":\"", DMP_E_SYNTAX,
          "wrong value of \"certificate\"" },
        { "\"GET\"", "\"G\tT\"", DMP_E_SYNTAX,
          "not the form of an entry at byte " },
        { "\"GET\"", "\"G\\xT\"", DMP_E_SYNTAX,
          "not the form of an entry at byte " },
        { "\"GET\"", "\"G\\ud800T\"", DMP_E_SYNTAX, "not UTF-8 at byte " },
        { "\"GET\"", "\"G\xc0\xafT\"", DMP_E_SYNTAX, "not UTF-8 at byte " },
        { "\"GET\"", "\"G\xed\xa0\x80T\"", DMP_E_SYNTAX,
          "not UTF-8 at byte " },
        { "\"GET\"", "\"G\\u00e9\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80T\"",
          DMP_OK, "" },
        { "T20:26:40.", "T24:26:40.", DMP_E_SYNTAX, "wrong value of \"time\"" },
        { "\"2026-05-28T", "\"2026-02-29T", DMP_E_SYNTAX,
          "wrong value of \"time\"" },
        { "Z\",\"ack\"", "\",\"ack\"", DMP_E_SYNTAX,
          "wrong value of \"time\"" },
        { "[[\"1.2.250.1.213.4.2.1.1.17\",", "[[", DMP_E_SYNTAX,
          "wrong value of \"documents\"" },
        { "[[\"1.2.250.1.213.4.2.1.1.17\",\"34112-3\"]]", "{}", DMP_E_SYNTAX,
          "wrong value of \"documents\"" },
    };

    (void) state;
    open_epoch();
    /* the first entry of its bucket, which acknowledges none */
    assert_int_equal(access_in((dmp_writer_home(w) + 1) % LOG_BUCKETS),
                     DMP_OK);
    REFUSED_EACH(edits);
    sent('1');
}


/* The entry, cut off anywhere or with more behind it, is none. */
static void
refused_cut(void)
{
    char              *copy;
    size_t             len;
    dmp_rc_t           rc;
    dmp_error_t        error;
    dmp_entry_view_t   view;

    view_of(&view);

    for (len = 0; len < entry.body.len; len++) {
        /* memory of that size, so that no byte behind it can be read */
        copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, entry.body.data, len);
        rc = dmp_entry_parse(copy + 1, len, &view, &error);
        free(copy);

        assert_true(rc == DMP_E_SYNTAX || rc == DMP_E_UNKNOWN);
        assert_true(error.text[0] != '\0');
    }

    /* the writer leaves the buffer to us */
    memory[entry.body.len] = ' ';
    rc = dmp_entry_parse(memory, entry.body.len + 1, &view, &error);
    assert_int_equal(rc, DMP_E_SYNTAX);
    assert_memory_equal(error.text, "text after the end at byte ", 27);
}


static void
test_cut(void **state)
{
    static const unsigned  buckets[] = { 0, 1 };

    (void) state;
    dmp_writer_sign_each(w, true);
    dmp_writer_heartbeats(w, true);
    assert_int_equal(dmp_writer_open_epoch(w, now(), &buf, &entry), DMP_OK);
    refused_cut();
    sent('S');
    assert_int_equal(access_in(1), DMP_OK);
    refused_cut();
    sent('1');
    close_other(DMP_HEADS_STORE);
    refused_cut();
    sent('S');
    recover(buckets, 2, true);
    refused_cut();
    sent('S');
    assert_int_equal(dmp_writer_heartbeat(w, now(), &buf, &entry), DMP_OK);
    refused_cut();
    sent('S');
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        WRITER_TEST(test_close_bytes),
        WRITER_TEST(test_close_refused),
        WRITER_TEST(test_open_bytes),
        WRITER_TEST(test_heartbeat_bytes),
        WRITER_TEST(test_buckets),
        WRITER_TEST(test_buckets_refused),
        WRITER_TEST(test_signature_refused),
        WRITER_TEST(test_form),
        WRITER_TEST(test_cut),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_key, free_key);
}
