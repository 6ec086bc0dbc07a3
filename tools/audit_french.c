/*
 * audit_french.c: sentences in plain French, as a terminal may show them.
 */

#include <stdlib.h>

#include "audit_say.h"


static const char  *const french_breaks[DMP_BREAK_MAX] = {
    [DMP_BREAK_FORMAT] = "une ligne de la trace n'en est pas une",
    [DMP_BREAK_ORDER] = "l'ordre de la trace n'est pas celui de l'écriture",
    [DMP_BREAK_MISSING] = "il manque une ligne qui avait été écrite",
    [DMP_BREAK_EDITED] = "une ligne a été modifiée",
    [DMP_BREAK_CERTIFICATE] = "une clé n'est pas certifiée pour ce moment",
    [DMP_BREAK_SIGNATURE] = "une signature n'est pas la bonne",
    [DMP_BREAK_OUTCOME] = "le résultat ou la place d'une ligne a été modifié",
    [DMP_BREAK_SILENCE] = "une passerelle s'est tue sans le dire",
    [DMP_BREAK_AFTER_END] = "une ligne a été écrite après la fin annoncée",
    [DMP_BREAK_HEAD] = "la fin d'une chaîne n'est pas celle qui est notée",
    [DMP_BREAK_DELETED] = "des lignes ont été effacées",
    [DMP_BREAK_VERSION] = "un accès ne repose pas sur les droits du moment",
    [DMP_BREAK_HISTORY] = "l'historique d'un dossier n'est pas celui de la "
                          "trace",
    [DMP_BREAK_RECEIPT] = "un accès a été transmis sans être tracé",
};


const char *
audit_french_break(dmp_break_t what)
{
    return (unsigned) what < DMP_BREAK_MAX && french_breaks[what] != NULL
           ? french_breaks[what] : "la trace n'est pas entière";
}


void
audit_french_time(FILE *out, int64_t unix_ms)
{
    char       text[64];
    dmp_buf_t  b;

    dmp_buf_init(&b, text, sizeof(text));
    dmp_french_time(&b, unix_ms);
    (void) fwrite(b.data, 1, b.len, out);
}


bool
audit_french(FILE *out, const dmp_item_t *item, const dmp_ended_t *ended,
    const dmp_policy_t *policy)
{
    char       *text;
    dmp_buf_t   b;

    text = malloc(DMP_FRENCH_MAX);

    if (text == NULL) {
        tool_error("no memory");
        return false;
    }

    dmp_buf_init(&b, text, DMP_FRENCH_MAX);
    dmp_french(&b, item, ended, policy, false);

    /* words of others are in it: none of their bytes acts on a terminal */
    audit_say_text(out, (dmp_str_t) { b.data, b.len });
    free(text);

    if (b.full) {
        tool_error("an entry's sentence is longer than any should be");
    }

    return !b.full;
}
