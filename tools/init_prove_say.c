/*
 * init_prove_say.c: what came of trying the store's users: a table, or JSON.
 */

#include <string.h>

#include "init_prove.h"


#define PROVE_COLUMN  9
#define PROVE_LABEL   46


static const char *
prove_word(prove_t got)
{
    switch (got) {
    case PROVE_ALLOWED:
        return "yes";
    case PROVE_REFUSED:
        return "-";
    default:
        return "?";
    }
}


/* Of a call, the function and its number of keys. */
static void
prove_label(const init_probe_t *p, char *label, size_t size)
{
    int          n;
    const char  *end;

    n = (int) size;

    if (strncmp(p->words, "FCALL ", 6) == 0) {
        end = strchr(p->words + 6, ' ');
        end = end != NULL ? strchr(end + 1, ' ') : NULL;
        n = end != NULL ? (int) (end - p->words) : n;
    }

    (void) snprintf(label, size, "%.*s%s", n, p->words, p->dry ? " *" : "");
}


void
prove_print(const prove_run_t *run)
{
    char      label[PROVE_LABEL];
    size_t    i;
    unsigned  u;

    printf("\n%-*s", PROVE_LABEL, "");

    for (u = 0; u < INIT_USERS; u++) {
        printf("%-*s", PROVE_COLUMN, init_user_names[u]);
    }

    putchar('\n');

    for (i = 0; init_probes[i].words != NULL; i++) {
        prove_label(&init_probes[i], label, sizeof(label));
        printf("%-*s", PROVE_LABEL, label);

        for (u = 0; u < INIT_USERS; u++) {
            printf("%-*s", PROVE_COLUMN, prove_word(run->got[i][u]));
        }

        putchar('\n');
    }

    printf("\nEach user has tried it, and the store was asked about what is "
           "marked *.  Of its\n%u commands that do not stand here \"admin\" "
           "may do each, and nobody else any.\n", run->others);

    for (u = 0; u < INIT_USERS; u++) {
        if (run->off[u]) {
            printf("\"%s\" is off: the store was asked what it may do.\n",
                   init_user_names[u]);
        }
    }

    for (i = 0; i < json_array_size(run->strangers); i++) {
        printf("\"%s\" is a user of somebody else's, and was not tried.\n",
               json_string_value(json_array_get(run->strangers, i)));
    }
}


/* "users": {NAME: {"on": true, "commands": {WORDS: true}}} */
bool
prove_json(const prove_run_t *run, json_t *out)
{
    int       rc;
    size_t    i;
    json_t   *users, *user, *commands;
    prove_t   got;
    unsigned  u;

    users = json_object();
    rc = json_object_set_new(out, "users", users)
         | json_object_set(out, "differences", run->list)
         | json_object_set(out, "strangers", run->strangers)
         | json_object_set_new(out, "proved",
                               json_boolean(run->differences == 0));

    for (u = 0; rc == 0 && u < INIT_USERS; u++) {
        commands = json_object();
        user = json_pack("{s:b, s:o}", "on", !run->off[u], "commands",
                         commands);
        rc = json_object_set_new(users, init_user_names[u], user);

        for (i = 0; rc == 0 && init_probes[i].words != NULL; i++) {
            got = run->got[i][u];
            rc = json_object_set_new(commands, init_probes[i].words,
                                     got == PROVE_UNKNOWN ? json_null()
                                     : json_boolean(got == PROVE_ALLOWED));
        }
    }

    if (rc != 0) {
        tool_error("no memory");
    }

    return rc == 0;
}
