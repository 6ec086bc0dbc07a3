/*
 * dmpctl_audit.c: the command "audit verify".
 */

#include <string.h>

#include "audit_verify.h"


const char  dmpctl_help_audit_verify[] =
    "dmpctl audit verify --audit-public-key FILE | --keyring DIR [options]\n"
    "\n"
    "Reads all buckets and checks each entry's format, every writer's\n"
    "sequence, links, epochs and certificates, the signed heads, heartbeats,\n"
    "the outcomes and ids that the writers were given, the version of the\n"
    "record that each access was decided on, each holder's history, and what\n"
    "the store says of its streams.  Gateways may write meanwhile.  Answers 0\n"
    "if the trace is whole, 1 if not, 3 if it could not be read.  It tells,\n"
    "too, what is no break and limits the proof: entries that nobody signed,\n"
    "writers that fell silent or were ended by what the store says of them.\n"
    "\n"
    "  --audit-public-key FILE  may be given several times: one per gateway,\n"
    "                        and those that were used before\n"
    "  --keyring DIR         all *.pub of a folder, of gateways only; may be\n"
    "                        given several times\n"
    "  --backend-log FILE    the record host's access log, with the header\n"
    "                        DMP-Trace-Receipt in its lines: that each was\n"
    "                        traced; may be given several times\n"
    "  --strict-log          a line without a receipt is a break, too\n"
    "  --since-recovery      what is wrong in a bucket before an operator\n"
    "                        recovered it is counted apart\n"
    "  --no-records          leave records and histories out, for a user who\n"
    "                        may not read them\n"
    "  --all                 all findings, not the first alone\n"
    "  --json                for machines\n"
    STORE_USAGE;


int
dmpctl_audit_verify(int argc, char **argv)
{
    int                    rc;
    store_t                store;
    tool_list_t            words;
    store_options_t        where;
    verify_options_t       o;
    const tool_option_t    options[] = {
        STORE_OPTIONS(where),
        { "--audit-public-key", NULL,              NULL, &o.keys },
        { "--keyring",          NULL,              NULL, &o.folders },
        { "--backend-log",      NULL,              NULL, &o.logs },
        { "--strict-log",       &o.strict_log,     NULL, NULL },
        { "--since-recovery",   &o.since_recovery, NULL, NULL },
        { "--no-records",       &o.no_records,     NULL, NULL },
        { "--all",              &o.all,            NULL, NULL },
        { "--json",             &o.json,           NULL, NULL },
        { NULL,                 NULL,              NULL, NULL }
    };

    memset(&where, 0, sizeof(where));
    memset(&o, 0, sizeof(o));

    if (!tool_options(argc, argv, options, &words)) {
        return TOOL_USAGE;
    }

    if (words.n != 0) {
        tool_error("\"%s\" is not expected here", words.item[0]);
        return TOOL_USAGE;
    }

    if (o.keys.n == 0 && o.folders.n == 0) {
        tool_error("--audit-public-key or --keyring is needed: the trace "
                   "cannot vouch for its own keys");
        return TOOL_USAGE;
    }

    if (o.strict_log && o.logs.n == 0) {
        tool_error("--strict-log needs --backend-log");
        return TOOL_USAGE;
    }

    if (!store_open(&store, &where)) {
        return TOOL_FAILED;
    }

    rc = store_meta(&store) ? audit_verify(&store, &o) : TOOL_FAILED;
    store_close(&store);

    return rc;
}
