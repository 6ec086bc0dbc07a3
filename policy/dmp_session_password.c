/*
 * dmp_session_password.c: which passwords are refused.  Length is what counts;
 * the rest is what is tried first by whoever guesses.
 */

#include <openssl/crypto.h>

#include "dmp_session_int.h"


#define PASSWORD_PERIOD  6               /* of what is repeated to fill it */
#define PASSWORD_AROUND  8               /* digits and signs around a word */

typedef struct {
    uint32_t  letters[DMP_PASSWORD_MAX];     /* code points */
    size_t    n;
    char      word[DMP_PASSWORD_MAX];    /* in lower case, without what is
                                            around it or between */
    size_t    word_len;
    size_t    around;
    char      folded[DMP_PASSWORD_MAX];  /* as an identifier is */
    size_t    folded_len;
} dmp_password_t;

/*
 * What people take when something long is asked for: alone, repeated, or with
 * digits and signs around it.
 */
static const dmp_str_t  password_words[] = {
    dmp_string("abcdef"),
    dmp_string("admin"),
    dmp_string("administrateur"),
    dmp_string("administrator"),
    dmp_string("amour"),
    dmp_string("anniversaire"),
    dmp_string("azerty"),
    dmp_string("azertyuiop"),
    dmp_string("azertyuiopqs"),
    dmp_string("azertyuiopqsdfghjklm"),
    dmp_string("azertyuiopqsdfghjklmwxcvbn"),
    dmp_string("bienvenue"),
    dmp_string("bonjour"),
    dmp_string("carte"),
    dmp_string("cartevitale"),
    dmp_string("changeme"),
    dmp_string("changezmoi"),
    dmp_string("chouchou"),
    dmp_string("coucou"),
    dmp_string("docteur"),
    dmp_string("dossiermedical"),
    dmp_string("dossiermedicalpartage"),
    dmp_string("doudou"),
    dmp_string("dragon"),
    dmp_string("football"),
    dmp_string("france"),
    dmp_string("iloveyou"),
    dmp_string("iloveyouforever"),
    dmp_string("jetaime"),
    dmp_string("jetaimemonamour"),
    dmp_string("jetaimepourlavie"),
    dmp_string("letmein"),
    dmp_string("loulou"),
    dmp_string("maison"),
    dmp_string("marseille"),
    dmp_string("medecin"),
    dmp_string("monamour"),
    dmp_string("moncompte"),
    dmp_string("mondossiermedical"),
    dmp_string("monespacesante"),
    dmp_string("monmotdepasse"),
    dmp_string("motdepasse"),
    dmp_string("motdepasseoublie"),
    dmp_string("nouveaumotdepasse"),
    dmp_string("pass"),
    dmp_string("password"),
    dmp_string("qazwsxedc"),
    dmp_string("qwerty"),
    dmp_string("qwertyuiop"),
    dmp_string("qwertyuiopasdfghjkl"),
    dmp_string("qwertyuiopasdfghjklzxcvbnm"),
    dmp_string("santepublique"),
    dmp_string("secret"),
    dmp_string("securitesociale"),
    dmp_string("soleil"),
    dmp_string("thisismypassword"),
    dmp_string("welcome"),

    /* those with digits between their letters */
    dmp_string("a1z2e3r4t5y"),
    dmp_string("a2z3e4r5t6y"),
    dmp_string("a1b2c3d4e5f"),
    dmp_string("abcd1234abcd"),
    dmp_string("q1w2e3r4t5y"),
    dmp_string("q2w3e4r5t6y"),
    dmp_string("qaz2wsx3edc"),
    dmp_string("qaz2wsx3edc4rfv"),
    dmp_string("passw0rd"),
    dmp_string("p4ssw0rd"),
};

#define PASSWORD_WORDS  (sizeof(password_words) / sizeof(password_words[0]))


static bool
password_is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}


static bool
password_is_lower(uint32_t c)
{
    return c >= 'a' && c <= 'z';
}


/* The code point of a sequence of n bytes that is valid. */
static uint32_t
password_letter(const unsigned char *p, size_t n)
{
    size_t    i;
    uint32_t  c;

    static const unsigned char  masks[] = { 0x7f, 0x7f, 0x1f, 0x0f, 0x07 };

    c = p[0] & masks[n];

    for (i = 1; i < n; i++) {
        c = c << 6 | (p[i] & 0x3f);
    }

    return c;
}


/* NULL, or why it is no text. */
static const char *
password_read(dmp_str_t password, dmp_password_t *out)
{
    size_t                n;
    uint32_t              c;
    const unsigned char  *p, *end;

    if (password.len > DMP_PASSWORD_MAX) {
        return "Ce mot de passe est trop long.";
    }

    if (password.len == 0) {
        return NULL;
    }

    p = (const unsigned char *) password.data;
    end = p + password.len;

    for ( /* void */ ; p < end; p += n) {

        n = dmp_utf8_length(p, end);

        if (n == 0) {
            return "Ce mot de passe n'est pas un texte valide (UTF-8).";
        }

        c = password_letter(p, n);

        if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            return "Ce mot de passe contient un caract\xc3\xa8re qui ne "
                   "s'\xc3\xa9" "crit pas (tabulation, retour \xc3\xa0 la "
                   "ligne\xe2\x80\xa6).";
        }

        out->letters[out->n++] = c;
    }

    return NULL;
}


/* Some few characters again and again; one of them, for instance. */
static bool
password_repeats(const dmp_password_t *p)
{
    size_t  i, period;

    for (period = 1; period <= PASSWORD_PERIOD; period++) {

        for (i = period; i < p->n; i++) {
            if (p->letters[i] != p->letters[i - period]) {
                break;
            }
        }

        if (i >= p->n) {
            return true;
        }
    }

    return false;
}


/* "123456789012", "zyxwvutsrqpo": each one more, or each one less. */
static bool
password_counts(const dmp_password_t *p)
{
    size_t    i;
    uint32_t  a, b;
    unsigned  up, down;

    up = 0;
    down = 0;

    for (i = 1; i < p->n; i++) {
        a = p->letters[i - 1];
        b = p->letters[i];

        if (password_is_digit(a) && password_is_digit(b)) {
            up += (b - '0' == (a - '0' + 1) % 10) ? 1 : 0;
            down += (a - '0' == (b - '0' + 1) % 10) ? 1 : 0;

        } else {
            up += (b == a + 1) ? 1 : 0;
            down += (a == b + 1) ? 1 : 0;
        }
    }

    return up == p->n - 1 || down == p->n - 1;
}


/* What is left without blanks, signs, and the digits at both ends. */
static void
password_fold(dmp_password_t *p)
{
    char      folded;
    size_t    i, first, last;
    uint32_t  c;

    for (i = 0; i < p->n; i++) {
        c = p->letters[i];

        if (c >= 'A' && c <= 'Z') {
            c += 'a' - 'A';
        }

        if (c >= 0x80) {
            /* a letter like any other, in no word of ours */
            p->word[p->word_len++] = '*';
            p->folded[p->folded_len++] = '*';
            continue;
        }

        folded = dmp_identifier_letter((char) c);

        if (folded != '\0') {
            p->folded[p->folded_len++] = folded;
        }

        if (password_is_lower(c) || password_is_digit(c)) {
            p->word[p->word_len++] = (char) c;
        }
    }

    first = 0;
    last = p->word_len;

    while (first < last && password_is_digit((unsigned char) p->word[first])) {
        first++;
    }

    while (last > first
           && password_is_digit((unsigned char) p->word[last - 1]))
    {
        last--;
    }

    p->around = p->n - (last - first);
    p->word_len = last - first;
    memmove(p->word, p->word + first, p->word_len);
}


/* The word, once or several times, and no more than a little around it. */
static bool
password_is_word(const dmp_password_t *p, dmp_str_t word)
{
    size_t  i;

    if (p->word_len == 0 || p->word_len % word.len != 0
        || p->around > PASSWORD_AROUND)
    {
        return false;
    }

    for (i = 0; i < p->word_len; i += word.len) {
        if (memcmp(p->word + i, word.data, word.len) != 0) {
            return false;
        }
    }

    return true;
}


static bool
password_is_common(const dmp_password_t *p)
{
    size_t  i;

    for (i = 0; i < PASSWORD_WORDS; i++) {
        if (password_is_word(p, password_words[i])) {
            return true;
        }
    }

    return false;
}


/* However it is written, and whatever is around it. */
static bool
password_names(const dmp_password_t *p, dmp_str_t identifier)
{
    char    id[DMP_IDENTIFIER_LEN];
    size_t  i;

    if (!dmp_identifier_read(identifier, id)) {
        return false;
    }

    for (i = 0; i + sizeof(id) <= p->folded_len; i++) {
        if (memcmp(p->folded + i, id, sizeof(id)) == 0) {
            return true;
        }
    }

    return false;
}


/* Nothing but an identifier, whosever it is. */
static bool
password_is_identifier(dmp_str_t password)
{
    bool  is;
    char  id[DMP_IDENTIFIER_LEN];

    is = dmp_identifier_read(password, id);
    OPENSSL_cleanse(id, sizeof(id));

    return is;
}


static const char *
password_judge(dmp_str_t password, dmp_str_t identifier, dmp_password_t *p)
{
    const char  *why;

    why = password_read(password, p);

    if (why != NULL) {
        return why;
    }

    if (p->n < DMP_PASSWORD_MIN) {
        return "Ce mot de passe est trop court : il faut au moins "
               "12 caract\xc3\xa8res.";
    }

    password_fold(p);

    if (password_names(p, identifier) || password_is_identifier(password)) {
        return "Le mot de passe ne doit pas contenir l'identifiant.";
    }

    if (password_repeats(p)) {
        return "Ce mot de passe r\xc3\xa9p\xc3\xa8te les m\xc3\xaames "
               "caract\xc3\xa8res.";
    }

    if (password_counts(p) || password_is_common(p)) {
        return "Ce mot de passe est trop courant : il serait vite "
               "devin\xc3\xa9.";
    }

    return NULL;
}


const char *
dmp_password_refused(dmp_str_t password, dmp_str_t identifier)
{
    const char      *why;
    dmp_password_t   p;

    memset(&p, 0, sizeof(p));
    why = password_judge(password, identifier, &p);
    OPENSSL_cleanse(&p, sizeof(p));

    return why;
}
