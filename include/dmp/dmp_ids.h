/*
 * dmp_ids.h: the national identifiers of those who ask, by their form (ANS,
 * PS_IdNat 1.2.250.1.71.4.2.1 and Struct_IdNat 1.2.250.1.71.4.2.2).  Who has
 * one is for the authority that certifies it to say.
 */

#ifndef DMP_IDS_H
#define DMP_IDS_H

#include <dmp/dmp.h>


#define DMP_ID_MAX  64                   /* bytes of either */

typedef enum {
    DMP_PS_ID_NONE = 0,
    DMP_PS_ID_RPPS,                      /* "8" and 11 digits */
    DMP_PS_ID_ADELI,                     /* "0" and 9 letters or digits */
    DMP_PS_ID_INTERNAL                   /* "1", "3" to "6": a structure's
                                            number, "/", and its own number */
} dmp_ps_id_t;

/* Which form of PS_IdNat it is; NONE if it is none. */
dmp_ps_id_t dmp_ps_id(dmp_str_t id);

/*
 * Whether it has a form of Struct_IdNat: "0" and a practice's ADELI number,
 * "1" FINESS, "2" SIREN, "3" SIRET, "4" RPPS and rank, or a technical number
 * that begins with a letter.
 */
bool dmp_struct_id(dmp_str_t id);

#endif
