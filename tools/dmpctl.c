/*
 * dmpctl.c: the operators' program: finds the command and hands over.
 */

#include <string.h>

#include "dmpctl.h"


typedef struct {
    const char  *group;
    const char  *name;                   /* NULL: the group is the command */
    const char  *summary;
    const char  *usage;
    int        (*run)(int argc, char **argv);
    int        (*change)(const char *verb, int argc, char **argv);
} command_t;                             /* one of the two */

#define HELP_NAME  16                    /* columns of a command's name */

#define CHANGE_USAGE                                                         \
    "  --policy FILE         says what an operator may do\n"                 \
    "  --record-key FILE     the newest first when given several times\n"    \
    "  --pseudonym-key FILE\n"                                               \
    "  --audit-key FILE      certifies the trace\n"                          \
    "  --node NAME           this host's name in traces; default its own\n"  \
    "  --operator NAME       who asks; default the user's name\n"            \
    "  --json                for machines\n"                                 \
    "\n"                                                                     \
    "Decided by the rules, traced, and done when it returns 0: no answer\n"  \
    "decided before can leave a gateway any more, also when it was already\n"\
    "so.  Answers 1 with the rule and the reason if it is refused.\n"        \
    STORE_USAGE

#define CHANGE_KEYS                                                          \
    "\n    --policy FILE --record-key FILE --pseudonym-key FILE"              \
    "\n    --audit-key FILE [options]\n\n"

#define ACCOUNT_KEYS                                                         \
    " --record-key FILE"                                                      \
    "\n    --pseudonym-key FILE --audit-key FILE [options]\n\n"

#define ACCOUNT_USAGE                                                        \
    "  --record-key FILE     the newest first when given several times\n"    \
    "  --pseudonym-key FILE\n"                                               \
    "  --audit-key FILE      certifies the trace\n"                          \
    "  --node NAME           this host's name in traces; default its own\n"  \
    "  --operator NAME       who does it; default the user's name\n"         \
    "  --json                for machines\n"                                 \
    "\n"                                                                     \
    "Traced in the holder's history before it is done.\n"                    \
    STORE_USAGE

#define ACCOUNT_DELIVER                                                      \
    "  --deliver             send the password to the contact on record,\n"  \
    "                        and do not print it\n"

#define OUTBOX_USAGE                                                         \
    "  --audit-key FILE      certifies the trace\n"                          \
    "  --node NAME           this host's name in traces; default its own\n"  \
    "  --operator NAME       who asks; default the user's name\n"            \
    "  --json                for machines\n"                                 \
    STORE_USAGE

static const command_t  commands[] = {
    { "init", NULL, "prepare a store, and say what it guarantees",
      dmpctl_help_init, dmpctl_init, NULL },

    { "keygen", NULL, "make keys",
      "dmpctl keygen audit|session|record|pseudonym|seal DIR\n"
      "\n"
      "Writes new keys into DIR, readable by their owner only.  Never\n"
      "overwrites a file.\n"
      "\n"
      "  audit      audit.key, audit.pub      Ed25519, certifies the trace\n"
      "  seal       seal.key, seal.pub        Ed25519, signs the sealed trace\n"
      "  session    session.key, session.pub  EC P-256, signs sessions\n"
      "  record     record.key                seals what the store holds\n"
      "  pseudonym  pseudonym.key             makes patients' pseudonyms\n",
      dmpctl_keygen, NULL },

    { "record", "import", "import records, each a traced commit",
      "dmpctl record import FILE|- --record-key FILE --pseudonym-key FILE\n"
      "                     --audit-key FILE [options]\n"
      "\n"
      "FILE holds one record (JSON) per line.  Nothing is imported while a\n"
      "line is wrong; each wrong line is named.  Returns only when no answer\n"
      "decided before can leave a gateway any more.\n"
      "\n"
      "  --record-key FILE     the newest first when given several times\n"
      "  --node NAME           this host's name in traces; default its own\n"
      "  --operator NAME       who imports; default the user's name\n"
      "  --any-ins-key         do not check the last two digits of an INS\n"
      "  --json                for machines\n"
      STORE_USAGE, dmpctl_record_import, NULL },

    { "record", "show", "show a record",
      "dmpctl record show INS --record-key FILE --pseudonym-key FILE\n"
      "                   [--json]\n"
      STORE_USAGE, dmpctl_record_show, NULL },

    { "record", "authorise", "authorise a professional",
      "dmpctl record authorise INS ID [--until DAY]" CHANGE_KEYS
      "ID: 8 and the RPPS, 0 and the ADELI number; or a structure's.\n"
      "\n"
      "  --until DAY           exclusive; default as long as the policy lets\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "withdraw", "withdraw an authorisation",
      "dmpctl record withdraw INS ID" CHANGE_KEYS
      "Of a treating physician it takes nothing: they need none.\n"
      "\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "block", "block a professional",
      "dmpctl record block INS ID" CHANGE_KEYS
      "Ends authorisation and designation, under all identifiers that the\n"
      "directory has of them.\n"
      "\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "unblock", "unblock a professional",
      "dmpctl record unblock INS ID" CHANGE_KEYS
      "Brings no authorisation back, and no designation.\n"
      "\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "designate", "designate a treating physician",
      "dmpctl record designate INS ID" CHANGE_KEYS
      "There may be several.\n"
      "\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "dismiss", "remove a treating physician",
      "dmpctl record dismiss INS ID" CHANGE_KEYS
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "oppose", "say what the patient agrees to in an emergency",
      "dmpctl record oppose INS [--bris-de-glace yes|no] [--centre-15 yes|no]"
      " [--masked yes|no]" CHANGE_KEYS
      "What is not given stays as it is.\n"
      "\n"
      "  --bris-de-glace yes|no\n"
      "  --centre-15 yes|no\n"
      "  --masked yes|no       documents that are masked, in either\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "mask", "mask a document",
      "dmpctl record mask INS DOCUMENT" CHANGE_KEYS
      "DOCUMENT is its masterIdentifier or its id; the index must know it.\n"
      "\n"
      "  --host NAME           whose, if several hosts have that id\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "unmask", "unmask a document",
      "dmpctl record unmask INS DOCUMENT" CHANGE_KEYS
      "What its label on the record host masks stays masked.\n"
      "\n"
      "  --host NAME           whose, if several hosts have that id\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "mask-default", "mask all documents by default, or not",
      "dmpctl record mask-default INS yes|no" CHANGE_KEYS
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "contact", "set where the patient is written to",
      "dmpctl record contact INS [--email X] [--phone X] [--prefer sms|email]"
      CHANGE_KEYS
      "What is not given stays; an empty one is taken away.\n"
      "\n"
      "  --email ADDRESS\n"
      "  --phone NUMBER\n"
      "  --prefer sms|email\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "name-representative", "name a legal representative",
      "dmpctl record name-representative INS INS --until DAY" CHANGE_KEYS
      "The patient's INS, and the representative's.\n"
      "\n"
      "  --until DAY           exclusive: majority, at most\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "remove-representative", "remove a legal representative",
      "dmpctl record remove-representative INS INS" CHANGE_KEYS
      "The patient's INS, and the representative's.\n"
      "\n"
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "close", "close a record",
      "dmpctl record close INS" CHANGE_KEYS
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "record", "reopen", "reopen a record",
      "dmpctl record reopen INS" CHANGE_KEYS
      CHANGE_USAGE, NULL, dmpctl_record_change },

    { "account", "create", "make an account for a record",
      "dmpctl account create INS [--deliver]" ACCOUNT_KEYS
      "For a record that was imported: one that is made by the API has an\n"
      "account already.  Prints an identifier and, once, a temporary password\n"
      "that must be changed: to be handed over on paper.\n"
      "\n"
      ACCOUNT_DELIVER ACCOUNT_USAGE, NULL, dmpctl_account },

    { "account", "reset", "give an account a new temporary password",
      "dmpctl account reset IDENTIFIER [--deliver]" ACCOUNT_KEYS
      "All sessions of the holder end.  Prints the password once.\n"
      "\n"
      ACCOUNT_DELIVER ACCOUNT_USAGE, NULL, dmpctl_account },

    { "account", "show", "say whether there is such an account",
      "dmpctl account show IDENTIFIER --record-key FILE --pseudonym-key FILE\n"
      "                    [--json]\n"
      "\n"
      "Prints whose it is, by pseudonym, whether its password is temporary,\n"
      "and how many sessions its holder has now.\n"
      STORE_USAGE, NULL, dmpctl_account },

    { "account", "remove", "remove an account",
      "dmpctl account remove IDENTIFIER" ACCOUNT_KEYS
      "All sessions of the holder end.  The record stays as it is.\n"
      "\n"
      ACCOUNT_USAGE, NULL, dmpctl_account },

    { "directory", "import", "import the directory of who asks",
      "dmpctl directory import FILE|- --record-key FILE --audit-key FILE\n"
      "                        [options]\n"
      "\n"
      "FILE is the Annuaire Santé's extract of persons and activities, or\n"
      "changes of our own, one JSON object per line (docs/directory.md).\n"
      "Nothing is imported while a line is wrong; each wrong line is named.\n"
      "Only what differs is written.  One import at a time.\n"
      "\n"
      "  --record-key FILE     the newest first when given several times\n"
      "  --complete            the extract names everybody who is published:\n"
      "                        remove published entries it does not name\n"
      "  --remove-at-most N    unless that is over N percent; default 5\n"
      "  --skip-wrong N        leave up to N wrong lines out, and the persons\n"
      "                        they name as they are; default 0\n"
      "  --node NAME           this host's name in traces; default its own\n"
      "  --operator NAME       who imports; default the user's name\n"
      "  --json                for machines\n"
      "\n"
      "TMPDIR must have room for twice the file.\n"
      STORE_USAGE, dmpctl_directory_import, NULL },

    { "directory", "show", "show an entry of the directory",
      "dmpctl directory show ID --record-key FILE [--json]\n"
      "\n"
      "ID is a national identifier of a person (8 and the RPPS, 0 and the\n"
      "ADELI number) or of a structure (1 and the FINESS, 3 and the SIRET).\n"
      STORE_USAGE, dmpctl_directory_show, NULL },

    { "index", "build", "learn the documents of an existing host",
      "dmpctl index build URL --host NAME --policy FILE --record-key FILE\n"
      "                   --pseudonym-key FILE --audit-key FILE [options]\n"
      "\n"
      "URL is the record host's FHIR base.  Asks it for the documents of each\n"
      "patient who has a record in the store, and keeps what the rules must\n"
      "know of them (docs/index.md).  May be repeated: only what differs is\n"
      "written, and what the host has no more is removed.  A claim to an\n"
      "attachment stays once it was made, and claims of two patients close\n"
      "it, until an operator clears them.\n"
      "\n"
      "  --host NAME           the host's name in the gateway's configuration\n"
      "  --base URL            another address that the host gives itself;\n"
      "                        may be given several times\n"
      "  --cacert FILE         authorities of the host's certificate (PEM);\n"
      "                        default the system's\n"
      "  --cert FILE           a certificate to show to the host, with --key\n"
      "  --key FILE            and its private key (PEM)\n"
      "  --policy FILE         says what labels mean\n"
      "  --record-key FILE     the newest first when given several times\n"
      "  --patient INS         this record only\n"
      "  --page-size N         documents to ask for at once; default 200\n"
      "  --clear-claims        take out the claims to attachments that the\n"
      "                        host makes no more; of all records only.  Look\n"
      "                        first (dmpctl index show Binary/ID): what is\n"
      "                        left opens the attachment\n"
      "  --node NAME           this host's name in traces; default its own\n"
      "  --operator NAME       who builds it; default the user's name\n"
      "  --json                for machines\n"
      STORE_USAGE, dmpctl_index_build, NULL },

    { "index", "show", "show what the index holds of a document or attachment",
      "dmpctl index show ID --host NAME --record-key FILE\n"
      "                  --pseudonym-key FILE [--json]\n"
      "\n"
      "ID is that of a DocumentReference, or \"Binary/ID\" or \"Bundle/ID\".\n"
      "Prints whose it is, by pseudonym, and what the rules know of it.\n"
      STORE_USAGE, dmpctl_index_show, NULL },

    { "outbox", "status", "count what waits to be delivered",
      "dmpctl outbox status [--json]\n"
      "\n"
      "Prints how many codes and notices wait, how many of them an instance\n"
      "of dmp-notifyd has been given, how long the oldest has waited, and how\n"
      "many dead letters there are.\n"
      STORE_USAGE, dmpctl_outbox_status, NULL },

    { "outbox", "dead", "list what could not be delivered",
      "dmpctl outbox dead [--json]\n"
      "\n"
      "Prints each dead letter: its id, kind, whose it is by pseudonym, when\n"
      "and why it was given up.  Addresses and codes stay sealed.\n"
      STORE_USAGE, dmpctl_outbox_dead, NULL },

    { "outbox", "requeue", "have dead letters delivered again",
      "dmpctl outbox requeue ID|--all --audit-key FILE [options]\n"
      "\n"
      "Puts them back, traced.  A message keeps the id by which whoever got\n"
      "it already knows it again.\n"
      "\n"
      "  --all                 all dead letters\n"
      OUTBOX_USAGE, dmpctl_outbox_requeue, NULL },

    { "outbox", "drop", "remove a dead letter",
      "dmpctl outbox drop ID --audit-key FILE [options]\n"
      "\n"
      "Traced.  What it told is not told any more.\n"
      "\n"
      OUTBOX_USAGE, dmpctl_outbox_drop, NULL },

    { "audit", "verify", "prove the trace whole, or name the first break",
      dmpctl_help_audit_verify, dmpctl_audit_verify, NULL },
    { "audit", "tail", "show the trace as it grows",
      dmpctl_help_audit_tail, dmpctl_audit_tail, NULL },
    { "audit", "export", "write the trace as FHIR AuditEvents or CSV",
      dmpctl_help_audit_export, dmpctl_audit_export, NULL },
    { "audit", "stats", "count what the trace holds",
      dmpctl_help_audit_stats, dmpctl_audit_stats, NULL },
    { "audit", "case", "tell a patient who has read what, and that it is all",
      dmpctl_help_audit_case, dmpctl_audit_case, NULL },
    { "audit", "recover", "reopen buckets after the store went back",
      dmpctl_help_audit_recover, dmpctl_audit_recover, NULL },

    { "policy", "check", "say whether a policy is right, and what it holds",
      "dmpctl policy check FILE [--json]\n"
      "\n"
      "Reads the policy and the files it names, as a gateway does.  Answers 0\n"
      "and a summary, 1 and where it is wrong (file, line, word), 3 if it\n"
      "cannot be read.\n"
      "\n"
      "  --json                for machines\n",
      dmpctl_policy_check, NULL },

    { "policy", "test", "try decision cases on a policy",
      "dmpctl policy test DIR|FILE... --policy FILE [options]\n"
      "\n"
      "Decides each case of the files (*.json in folders) and prints those\n"
      "that come out otherwise than they expect.  Answers 0 if all hold, 1 if\n"
      "one does not, 3 if one could not be read or there are none.  The form\n"
      "of a case is in docs/policy-cases.md.\n"
      "\n"
      "  --junit FILE          writes the results as JUnit XML\n"
      "  --count FILE          writes how often each rule decided, as JSON\n"
      "  --json                for machines\n",
      dmpctl_policy_test, NULL },

    { "policy", "explain", "say which rule decides a case, and what it saw",
      "dmpctl policy explain CASE|- --policy FILE [options]\n"
      "\n"
      "Prints who asks what of which record, and each rule in turn: what it\n"
      "asks, what it saw, whether it held.  Answers 0 if the case is allowed,\n"
      "1 if it is denied, 3 if that could not be decided.\n"
      "\n"
      "  --case NAME           which, when the file holds several\n"
      "  --at DAY              on that day instead of the case's\n"
      "  --stored INS          with the record that the store holds, instead\n"
      "                        of the case's; needs the two keys\n"
      "  --record-key FILE     may be given several times\n"
      "  --pseudonym-key FILE\n"
      "  --json                for machines\n"
      STORE_USAGE, dmpctl_policy_explain, NULL },

    { NULL, NULL, NULL, NULL, NULL, NULL }
};


static void
print_help(FILE *out)
{
    char              name[64];
    const command_t  *c;

    fputs("dmpctl: operations on the store of ngx_http_dmp_module\n\n", out);

    for (c = commands; c->group != NULL; c++) {
        (void) snprintf(name, sizeof(name), "%s%s%s", c->group,
                        c->name != NULL ? " " : "",
                        c->name != NULL ? c->name : "");
        fprintf(out, strlen(name) <= HELP_NAME ? "  dmpctl %-*s %s\n"
                     : "  dmpctl %-*s\n                          %s\n",
                HELP_NAME, name, c->summary);
    }

    fputs("\n\"dmpctl help COMMAND\" says more.  Exit codes: 0 done, 1 the "
          "answer is no,\n2 usage, 3 could not be done.\n", out);
}


/* The command of these words; *used counts those that name it. */
static const command_t *
find_command(int argc, char **argv, int *used)
{
    const command_t  *c;

    for (c = commands; argc > 0 && c->group != NULL; c++) {
        if (strcmp(c->group, argv[0]) != 0) {
            continue;
        }

        if (c->name == NULL) {
            *used = 1;
            return c;
        }

        if (argc > 1 && strcmp(c->name, argv[1]) == 0) {
            *used = 2;
            return c;
        }
    }

    return NULL;
}


static int
run_help(int argc, char **argv)
{
    int               used;
    bool              found;
    const command_t  *c;

    if (argc == 0) {
        print_help(stdout);
        return TOOL_DONE;
    }

    found = false;

    for (c = commands; c->group != NULL; c++) {
        if (strcmp(c->group, argv[0]) == 0
            && (argc < 2 || c == find_command(argc, argv, &used)))
        {
            printf("%susage: %s", found ? "\n" : "", c->usage);
            found = true;
        }
    }

    if (!found) {
        tool_error("there is no command \"%s\"", argv[0]);
        return TOOL_USAGE;
    }

    return TOOL_DONE;
}


int
main(int argc, char **argv)
{
    int               rc, used;
    const command_t  *c;

    argc--;
    argv++;

    if (argc == 0) {
        print_help(stderr);
        return TOOL_USAGE;
    }

    if (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0) {
        return run_help(argc - 1, argv + 1);
    }

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return run_help(1, argv);
    }

    used = 0;
    c = find_command(argc, argv, &used);

    if (c == NULL) {
        tool_error("there is no command \"%s%s%s\"; see \"dmpctl help\"",
                   argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
        return TOOL_USAGE;
    }

    if (argc > used && strcmp(argv[used], "--help") == 0) {
        return run_help(used, argv);
    }

    rc = c->run != NULL ? c->run(argc - used, argv + used)
                        : c->change(c->name, argc - used, argv + used);

    if (rc == TOOL_USAGE) {
        fprintf(stderr, "usage: %.*s\n", (int) strcspn(c->usage, "\n"),
                c->usage);
    }

    /* A full disk behind a pipe must not look like success. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        tool_error("standard output: cannot write");
        return TOOL_FAILED;
    }

    return rc;
}
