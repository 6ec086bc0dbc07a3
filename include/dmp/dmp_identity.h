/*
 * dmp_identity.h: who a client certificate names.  The caller has had it
 * verified (chain, revocation); this reads it, and binds its chain to what
 * that chain may make: cards of persons, cards of staff, legal persons.
 */

#ifndef DMP_IDENTITY_H
#define DMP_IDENTITY_H

#include <openssl/x509.h>

#include <dmp/dmp.h>
#include <dmp/dmp_decide.h>
#include <dmp/dmp_policy.h>


typedef struct {
    dmp_subject_t  subject;              /* its strings are in "text" */
    unsigned       card;                 /* which it is, one DMP_MAKES_…; 0:
                                            rejected */
    int64_t        not_before;           /* seconds since 1970 */
    int64_t        not_after;            /* inclusive */
    const char    *why;                  /* why it was rejected, for the log */
    size_t         used;
    char           text[1024];
} dmp_identity_t;

/*
 * Reads the names and extensions of a verified certificate, entry by entry,
 * never its printed form.  *out is always written whole and must not be
 * moved: its subject is REJECTED, with why, unless the issuer is one of the
 * policy's chains, the certificate one to authenticate with, and what it says
 * of itself something that this chain makes.  Of a rejected one only serial
 * number, issuer and dates are told, as far as they can be read.
 *
 * A card whose profession is not said, or said in two ways, has an empty role;
 * the role of a card of somebody in training is one in training, or empty.  In
 * the last two cases the role is settled: no directory knows it better.
 */
void dmp_identity_read(const dmp_policy_t *policy, X509 *certificate,
    dmp_identity_t *out);

/* Whether the certificate is in date at that instant (RFC 5280, 4.1.2.5). */
bool dmp_identity_in_date(const dmp_identity_t *identity, int64_t unix_sec);

#endif
