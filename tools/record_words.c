/*
 * record_words.c: the words and options of "dmpctl record VERB", as a request.
 * What is wrong is named, but never an INS.
 */

#include <string.h>

#include "record_change.h"


#define WORDS_ADDRESS_MAX  254           /* of a mailbox (RFC 5321) */
#define WORDS_PHONE_MAX    32
#define WORDS_HOST_MAX     255
#define WORDS_NAME_MAX     256           /* of a document, as records take */

static const record_verb_t  words_verbs[] = {
    { "authorise", DMP_OPERATION_RIGHTS, DMP_CHANGE_AUTHORISE,
      RECORD_WORD_ANYBODY, RECORD_UNTIL },
    { "withdraw", DMP_OPERATION_RIGHTS, DMP_CHANGE_WITHDRAW,
      RECORD_WORD_ANYBODY, 0 },
    { "block", DMP_OPERATION_RIGHTS, DMP_CHANGE_BLOCK,
      RECORD_WORD_PERSON, 0 },
    { "unblock", DMP_OPERATION_RIGHTS, DMP_CHANGE_UNBLOCK,
      RECORD_WORD_PERSON, 0 },
    { "designate", DMP_OPERATION_RIGHTS, DMP_CHANGE_DESIGNATE,
      RECORD_WORD_PERSON, 0 },
    { "dismiss", DMP_OPERATION_RIGHTS, DMP_CHANGE_DISMISS,
      RECORD_WORD_PERSON, 0 },
    { "oppose", DMP_OPERATION_RIGHTS, DMP_CHANGE_OPPOSE,
      RECORD_WORD_NONE, RECORD_FLAGS },
    { "mask", DMP_OPERATION_MASK, DMP_CHANGE_NONE,
      RECORD_WORD_DOCUMENT, RECORD_HOST },
    { "unmask", DMP_OPERATION_UNMASK, DMP_CHANGE_NONE,
      RECORD_WORD_DOCUMENT, RECORD_HOST },
    { "mask-default", DMP_OPERATION_RIGHTS, DMP_CHANGE_MASK_DEFAULT,
      RECORD_WORD_CHOICE, 0 },
    { "contact", DMP_OPERATION_RIGHTS, DMP_CHANGE_CONTACT,
      RECORD_WORD_NONE, RECORD_CONTACT },
    { "name-representative", DMP_OPERATION_RIGHTS,
      DMP_CHANGE_NAME_REPRESENTATIVE, RECORD_WORD_INS, RECORD_UNTIL },
    { "remove-representative", DMP_OPERATION_RIGHTS,
      DMP_CHANGE_REMOVE_REPRESENTATIVE, RECORD_WORD_INS, 0 },
    { "close", DMP_OPERATION_CLOSE, DMP_CHANGE_NONE, RECORD_WORD_NONE, 0 },
    { "reopen", DMP_OPERATION_REOPEN, DMP_CHANGE_NONE, RECORD_WORD_NONE, 0 },
};


const record_verb_t *
record_verb(const char *name)
{
    size_t  i;

    for (i = 0; i < sizeof(words_verbs) / sizeof(words_verbs[0]); i++) {
        if (strcmp(words_verbs[i].name, name) == 0) {
            return &words_verbs[i];
        }
    }

    return NULL;
}


static dmp_str_t
words_text(const char *text)
{
    return (dmp_str_t) { text, text != NULL ? strlen(text) : 0 };
}


/* what: the option, or what the word stands for */
static bool
words_choice(const char *what, const char *text, dmp_choice_t *out)
{
    if (text == NULL) {
        return true;
    }

    if (strcmp(text, "yes") == 0) {
        *out = DMP_CHOICE_YES;

    } else if (strcmp(text, "no") == 0) {
        *out = DMP_CHOICE_NO;

    } else {
        tool_error("%s \"%s\" is neither \"yes\" nor \"no\"", what, text);
        return false;
    }

    return true;
}


/* Something before one "@", and after it; nothing that cannot be seen. */
static bool
words_is_address(const char *text)
{
    size_t       len;
    const char  *at;

    len = strlen(text);
    at = strchr(text, '@');

    return len <= WORDS_ADDRESS_MAX && at != NULL && at != text
           && at[1] != '\0' && strchr(at + 1, '@') == NULL
           && dmp_visible((dmp_str_t) { text, len }) != 0
           && strcspn(text, " \t\r\n\"\\<>(),;:\177") == len;
}


static bool
words_is_phone(const char *text)
{
    size_t  i, digits;

    digits = 0;

    for (i = 0; text[i] != '\0'; i++) {
        if (text[i] >= '0' && text[i] <= '9') {
            digits++;

        } else if (strchr(" .-()", text[i]) == NULL
                   && !(text[i] == '+' && i == 0))
        {
            return false;
        }
    }

    return digits >= 4 && i <= WORDS_PHONE_MAX;
}


/* An empty value takes away what there is. */
static bool
words_contact(record_edit_t *e)
{
    const record_words_t  *w;

    w = &e->words;

    if (w->email == NULL && w->phone == NULL && w->prefer == NULL) {
        tool_error("--email, --phone or --prefer is needed");
        return false;
    }

    if (w->email != NULL && w->email[0] != '\0'
        && !words_is_address(w->email))
    {
        tool_error("--email \"%s\" is no address", w->email);
        return false;
    }

    if (w->phone != NULL && w->phone[0] != '\0' && !words_is_phone(w->phone)) {
        tool_error("--phone \"%s\" is no number of a telephone", w->phone);
        return false;
    }

    if (w->prefer != NULL && w->prefer[0] != '\0'
        && strcmp(w->prefer, "sms") != 0 && strcmp(w->prefer, "email") != 0)
    {
        tool_error("--prefer \"%s\" is neither \"sms\" nor \"email\"",
                   w->prefer);
        return false;
    }

    e->request.contact.email = words_text(w->email);
    e->request.contact.phone = words_text(w->phone);
    e->request.contact.prefer = words_text(w->prefer);

    return true;
}


static bool
words_flags(record_edit_t *e)
{
    dmp_emergency_t       *emergency;
    const record_words_t  *w;

    w = &e->words;
    emergency = &e->request.emergency;

    if (w->bris_de_glace == NULL && w->centre_15 == NULL
        && w->masked == NULL)
    {
        tool_error("--bris-de-glace, --centre-15 or --masked is needed");
        return false;
    }

    return words_choice("--bris-de-glace", w->bris_de_glace,
                        &emergency->bris_de_glace)
           && words_choice("--centre-15", w->centre_15, &emergency->centre_15)
           && words_choice("--masked", w->masked, &emergency->masked);
}


static bool
words_until(record_edit_t *e)
{
    if (e->words.until == NULL) {
        if (e->request.change == DMP_CHANGE_NAME_REPRESENTATIVE) {
            tool_error("--until is needed");
            return false;
        }

        return true;
    }

    if (!dmp_day_parse(words_text(e->words.until), &e->request.until)) {
        tool_error("--until \"%s\" is not a day (YYYY-MM-DD)",
                   e->words.until);
        return false;
    }

    return true;
}


static bool
words_host(const record_edit_t *e)
{
    size_t       i;
    const char  *host;

    host = e->words.host;

    for (i = 0; host != NULL && (unsigned char) host[i] > 0x20
         && host[i] != '\177'; i++)
    {
        /* look for what stands in no name */
    }

    if (host != NULL && (i == 0 || host[i] != '\0' || i > WORDS_HOST_MAX)) {
        tool_error("--host \"%s\" is no name of a host", host);
        return false;
    }

    return true;
}


/*
 * Who can be blocked is a person: what has no form of a person's identifier
 * would be written down, and stop nobody.
 */
static bool
words_person(record_edit_t *e, const char *word)
{
    bool       anybody;
    dmp_str_t  id;

    id = words_text(word);
    anybody = e->verb->word == RECORD_WORD_ANYBODY;

    if (dmp_ins_within(id)) {
        tool_error("the second word may be an INS: it names no professional");
        return false;
    }

    if (id.len > DMP_ID_MAX
        || (dmp_ps_id(id) == DMP_PS_ID_NONE
            && !(anybody && dmp_struct_id(id))))
    {
        tool_error("\"%s\" is no identifier of a professional%s: 8 and the "
                   "RPPS, 0 and the ADELI number", word,
                   anybody ? " or a structure" : "");
        return false;
    }

    e->request.target = id;

    return true;
}


static bool
words_second(record_edit_t *e, const char *word)
{
    switch (e->verb->word) {

    case RECORD_WORD_PERSON:
    case RECORD_WORD_ANYBODY:
        return words_person(e, word);

    case RECORD_WORD_DOCUMENT:
        e->name = words_text(word);

        if (e->name.len > WORDS_NAME_MAX || dmp_visible(e->name) == 0) {
            tool_error("that is no name of a document");
            return false;
        }

        e->request.document = e->name;
        return true;

    case RECORD_WORD_CHOICE:
        return words_choice("the answer", word, &e->request.mask_by_default);

    case RECORD_WORD_INS:
        e->request.target = words_text(word);

        if (!dmp_ins_valid(e->request.target, false)) {
            tool_error("the second word is not an INS");
            return false;
        }

        return true;

    default:
        return true;
    }
}


static const char *
words_wanted(const record_verb_t *verb)
{
    switch (verb->word) {

    case RECORD_WORD_PERSON:
        return "an INS and a professional";

    case RECORD_WORD_ANYBODY:
        return "an INS and a professional or a structure";

    case RECORD_WORD_DOCUMENT:
        return "an INS and a document";

    case RECORD_WORD_CHOICE:
        return "an INS, and \"yes\" or \"no\"";

    case RECORD_WORD_INS:
        return "two INS: the patient's, and the representative's";

    default:
        return "an INS";
    }
}


int
record_words(record_edit_t *e, const tool_list_t *words)
{
    bool  second;

    second = e->verb->word != RECORD_WORD_NONE;

    if (words->n != (second ? 2 : 1)) {
        tool_error("\"record %s\" takes %s", e->verb->name,
                   words_wanted(e->verb));
        return TOOL_USAGE;
    }

    e->request.mapping = DMP_MAPPING_ONE;
    e->request.operation = e->verb->operation;
    e->request.change = e->verb->change;
    e->request.mode = DMP_MODE_NORMAL;
    e->request.offers = DMP_OFFERS_NORMAL;
    e->request.channel = DMP_CHANNEL_ANY;
    e->request.ins = words_text(words->item[0]);

    if (!dmp_ins_valid(e->request.ins, false)) {
        tool_error("the first word is not an INS");
        return TOOL_USAGE;
    }

    (void) snprintf(e->route, sizeof(e->route), "dmpctl record %s",
                    e->verb->name);
    e->request.route = e->route;

    return (!second || words_second(e, words->item[1]))
           && (!(e->verb->options & RECORD_UNTIL) || words_until(e))
           && (!(e->verb->options & RECORD_FLAGS) || words_flags(e))
           && (!(e->verb->options & RECORD_CONTACT) || words_contact(e))
           && words_host(e) ? TOOL_DONE : TOOL_USAGE;
}


int
record_words_ins(const record_edit_t *e)
{
    bool  key;

    key = e->policy->settings.ins_key;

    if (!dmp_ins_valid(e->request.ins, key)
        || (e->verb->word == RECORD_WORD_INS
            && !dmp_ins_valid(e->request.target, key)))
    {
        tool_error("the last two digits of %s INS do not fit its number",
                   dmp_ins_valid(e->request.ins, key)
                   ? "the representative's" : "the patient's");
        return TOOL_USAGE;
    }

    if (e->verb->word == RECORD_WORD_INS
        && dmp_str_eq(e->request.ins, e->request.target))
    {
        tool_error("a patient is not their own representative");
        return TOOL_USAGE;
    }

    return TOOL_DONE;
}
