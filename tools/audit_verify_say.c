/*
 * audit_verify_say.c: what came of a verification, for people and machines.
 * What the store holds is quoted: it may be anything.
 */

#include <string.h>

#include <utf8proc.h>

#include "audit_verify.h"


#define SAY_MAX  8192                    /* a finding, every byte escaped */


static unsigned long long
say_n(uint64_t n)
{
    return (unsigned long long) n;
}


/* JSON in ASCII: what is valid UTF-8 in it stands as \uNNNN. */
static void
say_ascii(const dmp_buf_t *b)
{
    size_t            i;
    utf8proc_ssize_t  n;
    utf8proc_int32_t  c;

    for (i = 0; i < b->len; i += (size_t) n) {
        n = utf8proc_iterate((const utf8proc_uint8_t *) b->data + i,
                             (utf8proc_ssize_t) (b->len - i), &c);

        if (n <= 0) {
            n = 1;                       /* the buffer ended within it */

        } else if (c < 0x80) {
            fputc((int) c, stdout);

        } else if (c < 0x10000) {
            printf("\\u%04x", (unsigned) c);

        } else {
            printf("\\u%04x\\u%04x",
                   0xd800 + (((unsigned) c - 0x10000) >> 10),
                   0xdc00 + (((unsigned) c - 0x10000) & 0x3ff));
        }
    }
}


/* Words of the store, quoted, for a terminal. */
static void
say_quoted(const char *text)
{
    fputc('"', stdout);
    tool_text(stdout, (dmp_str_t) { text, strlen(text) });
    fputc('"', stdout);
}


static void
say_named(const char *before, const char *text, const char *after)
{
    fputs(before, stdout);
    tool_text(stdout, (dmp_str_t) { text, strlen(text) });
    fputs(after, stdout);
}


static void
say_json_text(dmp_buf_t *b, const char *name, const char *value)
{
    dmp_buf_text(b, name);
    dmp_buf_json(b, (dmp_str_t) { value, strlen(value) });
}


static void
say_json_number(dmp_buf_t *b, const char *name, uint64_t value)
{
    dmp_buf_text(b, name);
    dmp_buf_uint(b, value);
}


static void
say_json_finding(const dmp_finding_t *f)
{
    char       text[SAY_MAX];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    say_json_text(&b, "{\"code\":", dmp_break_name(f->what));
    say_json_number(&b, ",\"bucket\":", f->bucket);
    say_json_number(&b, ",\"id\":\"", f->id_ms);
    say_json_number(&b, "-", f->id_seq);
    say_json_text(&b, "\",\"writer\":", f->writer);
    say_json_number(&b, ",\"epoch\":", f->epoch);
    say_json_number(&b, ",\"seq\":", f->seq);

    if (f->patient[0] != '\0') {
        say_json_text(&b, ",\"patient\":", f->patient);
    }

    say_json_text(&b, ",\"text\":", f->text);
    dmp_buf_text(&b, "}");
    say_ascii(&b);
}


/* Milliseconds as dmp1_close writes them, as a time; or nothing. */
static const char *
say_time(const char *ms, char out[32])
{
    size_t     i;
    int64_t    n;
    dmp_buf_t  b;

    for (i = 0, n = 0; ms[i] >= '0' && ms[i] <= '9' && i < 15; i++) {
        n = n * 10 + (ms[i] - '0');
    }

    dmp_buf_init(&b, out, 31);

    if (i > 0 && ms[i] == '\0') {
        dmp_buf_time(&b, n);
    }

    out[b.len] = '\0';

    return out;
}


static void
say_json_closed(const verify_run_t *run)
{
    bool                    any;
    char                    text[SAY_MAX], when[32];
    unsigned                i;
    dmp_buf_t               b;
    const verify_closed_t  *closed;

    printf(",\"closed\":[");
    any = false;

    for (i = 0; i < run->store->buckets; i++) {
        closed = &run->closed[i];

        if (!closed->set && !closed->closed) {
            continue;
        }

        dmp_buf_init(&b, text, sizeof(text));
        say_json_number(&b, any ? ",{\"bucket\":" : "{\"bucket\":", i);
        dmp_buf_text(&b, closed->closed ? ",\"refused\":true"
                                        : ",\"refused\":false");
        say_json_text(&b, ",\"by\":", closed->by);
        say_json_text(&b, ",\"why\":", closed->why);
        say_json_text(&b, ",\"at\":", say_time(closed->at, when));
        dmp_buf_text(&b, "}");
        say_ascii(&b);
        any = true;
    }

    printf("]");
}


static void
say_json_logs(const verify_run_t *run)
{
    char       text[SAY_MAX];
    dmp_buf_t  b;

    if (run->options->logs.n == 0) {
        return;
    }

    dmp_buf_init(&b, text, sizeof(text));
    say_json_number(&b, ",\"log\":{\"lines\":", run->logs.lines);
    say_json_number(&b, ",\"receipts\":", run->logs.receipts);
    say_json_number(&b, ",\"without\":", run->logs.without);

    if (run->logs.without > 0) {
        say_json_text(&b, ",\"first\":{\"file\":", run->logs.file);
        say_json_number(&b, ",\"line\":", run->logs.line);
        dmp_buf_text(&b, "}");
    }

    dmp_buf_text(&b, "}");
    say_ascii(&b);
}


static void
say_json(const verify_run_t *run, const dmp_verify_result_t *r, bool whole)
{
    bool           any;
    size_t         pos;
    dmp_finding_t  finding;

    printf("{\"whole\":%s,\"entries\":%llu,\"writers\":%llu,\"epochs\":%llu,"
           "\"checkpoints\":%llu,\"not_signed\":%llu,"
           "\"unproven\":%llu,\"ended_by_successor\":%llu,"
           "\"ended_by_store\":%llu,"
           "\"silent\":%llu,\"records\":%llu,\"receipts\":%llu,"
           "\"commands\":%llu,\"recovered\":%llu,\"findings\":%llu",
           whole ? "true" : "false", say_n(r->entries), say_n(r->writers),
           say_n(r->epochs), say_n(r->checkpoints), say_n(r->not_signed),
           say_n(r->unproven), say_n(r->ended_by_successor),
           say_n(r->ended_by_store),
           say_n(r->silent), say_n(r->records), say_n(r->receipts),
           say_n(r->commands), say_n(r->recovered), say_n(r->findings));
    printf(",\"milliseconds\":%lld",
           (long long) (tool_monotonic_ms() - run->begun_ms));

    say_json_closed(run);
    say_json_logs(run);

    if (r->findings > 0) {
        printf(",\"first\":");
        say_json_finding(&r->first);
    }

    if (run->options->all) {
        printf(",\"all\":[");

        for (any = false, pos = 0;
             dmp_verify_findings(run->verify, &pos, &finding); any = true)
        {
            printf("%s", any ? "," : "");
            say_json_finding(&finding);
        }

        printf("]");
    }

    printf("}\n");
}


static void
say_counted(uint64_t n, const char *one, const char *many)
{
    if (n == 1) {
        printf("1 %s\n", one);

    } else if (n > 1) {
        printf("%llu %s\n", say_n(n), many);
    }
}


static void
say_closed(const verify_run_t *run)
{
    char                    when[32];
    unsigned                i;
    const verify_closed_t  *closed;

    for (i = 0; i < run->store->buckets; i++) {
        closed = &run->closed[i];

        if (closed->closed) {
            printf("bucket %u is CLOSED since %s: ", i,
                   say_time(closed->at, when));
            say_quoted(closed->why);
            printf(", says ");
            say_quoted(closed->by);
            printf("\n");

        } else if (closed->set) {
            printf("bucket %u is named in dmp:closed, but commits are not "
                   "refused there\n", i);
        }
    }
}


/* What is no break, and should be known all the same. */
static void
say_notes(const verify_run_t *run, const dmp_verify_result_t *r)
{
    say_counted(r->not_signed,
                "entry stands after the last signed heads: chained, and not "
                "yet signed",
                "entries stand after the last signed heads: chained, and not "
                "yet signed");
    say_counted(r->unproven,
                "entry stands after the last signed heads of a writer that is "
                "over: nobody has signed it,\n  and nobody will.  Anybody who "
                "can write to the store may have put it there",
                "entries stand after the last signed heads of writers that "
                "are over: nobody has signed them,\n  and nobody will.  "
                "Anybody who can write to the store may have put them there");
    say_counted(r->silent,
                "epoch promised signed entries and fell silent; nobody ended "
                "it.  What its writer\n  may have written last, nothing but "
                "the store can tell",
                "epochs promised signed entries and fell silent; nobody ended "
                "them.  What their writers\n  may have written last, nothing "
                "but the store can tell");
    say_counted(r->ended_by_successor,
                "epoch was ended by a successor, with the heads its dead "
                "writer had been acknowledged",
                "epochs were ended by successors, with the heads their dead "
                "writers had been acknowledged");
    say_counted(r->ended_by_store,
                "epoch was ended by the store's own heads: that its last "
                "entries are all, only the store says",
                "epochs were ended by the store's own heads: that their last "
                "entries are all, only the store says");
    say_counted(r->commands,
                "command of an operator did not end, or its end could not be "
                "traced",
                "commands of operators did not end, or their ends could not "
                "be traced");
    say_counted(r->recovered,
                "finding lies before an operator's recovery, and is not "
                "counted",
                "findings lie before an operator's recovery, and are not "
                "counted");

    if (run->options->no_records) {
        printf("records and histories were not looked at\n");
    }

    say_closed(run);
}


static void
say_logs(const verify_run_t *run, const dmp_verify_result_t *r)
{
    const verify_logs_t  *logs;

    logs = &run->logs;

    if (run->options->logs.n == 0) {
        return;
    }

    printf("%llu lines of the record host, %llu receipts, %llu of them found "
           "in the trace\n", say_n(logs->lines), say_n(logs->receipts),
           say_n(r->receipts));

    if (logs->without > 0) {
        printf("%llu lines have no receipt (the first: %s, line %llu): the "
               "gateway's own questions,\n  or requests that came past it\n",
               say_n(logs->without), logs->file, say_n(logs->line));
    }
}


static void
say_first(const dmp_finding_t *f)
{
    printf("  what    %s\n  bucket  %u\n  id      %llu-%llu\n",
           dmp_break_name(f->what), f->bucket, say_n(f->id_ms),
           say_n(f->id_seq));

    if (f->writer[0] != '\0') {
        say_named("  writer  ", f->writer, "\n");
    }

    if (f->seq != 0) {
        printf("  epoch   %llu\n  seq     %llu\n", say_n(f->epoch),
               say_n(f->seq));
    }

    if (f->patient[0] != '\0') {
        say_named("  patient ", f->patient, "\n");
    }

    say_named("  ", f->text, "\n");
}


static void
say_all(const verify_run_t *run, const dmp_verify_result_t *r)
{
    size_t         pos;
    uint64_t       n;
    dmp_finding_t  f;

    printf("All findings:\n");

    for (n = 0, pos = 0; dmp_verify_findings(run->verify, &pos, &f); n++) {
        printf("  %-11s bucket %u, %llu-%llu", dmp_break_name(f.what),
               f.bucket, say_n(f.id_ms), say_n(f.id_seq));

        if (f.writer[0] != '\0') {
            say_named(", ", f.writer, "");
            printf(", epoch %llu, seq %llu", say_n(f.epoch), say_n(f.seq));
        }

        if (f.patient[0] != '\0') {
            say_named(", patient ", f.patient, "");
        }

        say_named(":\n    ", f.text, "\n");
    }

    if (n < r->findings) {
        printf("  and %llu more\n", say_n(r->findings - n));
    }
}


static void
say_text(const verify_run_t *run, const dmp_verify_result_t *r, bool whole)
{
    int64_t  ms;

    ms = tool_monotonic_ms() - run->begun_ms;

    printf("%llu entries, %llu writers, %llu epochs, %llu checkpoints, "
           "%llu records; %lld.%lld s\n", say_n(r->entries),
           say_n(r->writers), say_n(r->epochs), say_n(r->checkpoints),
           say_n(r->records), (long long) (ms / 1000),
           (long long) (ms % 1000 / 100));
    say_logs(run, r);
    say_notes(run, r);

    if (whole) {
        printf("The trace is whole.\n");
        return;
    }

    if (r->findings == 0) {
        printf("THE RECORD HOST WAS ASKED WITHOUT A TRACE: %llu lines have no "
               "receipt.  The first:\n  %s, line %llu\n",
               say_n(run->logs.without), run->logs.file,
               say_n(run->logs.line));
        return;
    }

    printf("THE TRACE IS BROKEN (%llu findings).  The first break:\n",
           say_n(r->findings));
    say_first(&r->first);

    if (run->options->all) {
        say_all(run, r);
    }
}


bool
verify_say(const verify_run_t *run, const dmp_verify_result_t *result)
{
    bool  whole;

    whole = result->findings == 0
            && !(run->options->strict_log && run->logs.without > 0);

    if (run->options->json) {
        say_json(run, result, whole);

    } else {
        say_text(run, result, whole);
    }

    return whole;
}
