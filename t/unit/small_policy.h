/*
 * small_policy.h: a policy made by hand that knows labels and nothing else:
 * for whatever reads documents.
 */

#ifndef SMALL_POLICY_H
#define SMALL_POLICY_H

#include <dmp/dmp_document.h>
#include <dmp/dmp_policy.h>


#define LABELS_HL7   "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
#define LABELS_NOS   "https://mos.esante.gouv.fr/NOS/"
#define LABELS_A07   LABELS_NOS "TRE_A07-StatutVisibiliteDocument/FHIR/"      \
                     "TRE-A07-StatutVisibiliteDocument"
#define LABELS_A08   LABELS_NOS "TRE_A08-HL7Confidentiality/FHIR/"            \
                     "TRE-A08-HL7Confidentiality"

/* As published examples misspell it. */
#define LABELS_A07_AS_SEEN                                                    \
    LABELS_NOS "TRE_A07-StatusVisibiliteDocument/FHIR/"                       \
    "TRE-A07-StatusVisibiliteDocument"


static dmp_label_t  small_labels[] = {
    { dmp_string("N"), 0 },
    { dmp_string("R"), 0 },
    { dmp_string("V"), 0 },
    { dmp_string("MASQUE_PS"), DMP_LABEL_MASKED },
    { dmp_string("INVISIBLE_PATIENT"), DMP_LABEL_INVISIBLE_PATIENT },
    { dmp_string("INVISIBLE_REPRESENTANTS_LEGAUX"),
      DMP_LABEL_INVISIBLE_REPRESENTATIVES }
};

static const dmp_policy_t  small_policy = {
    .label_system = {
        .names = {
            dmp_string(LABELS_HL7),
            dmp_string(LABELS_A08),
            dmp_string("urn:oid:2.16.840.1.113883.5.25"),
            dmp_string("2.16.840.1.113883.5.25"),
            dmp_string(LABELS_A07),
            dmp_string(LABELS_A07_AS_SEEN),
            dmp_string("urn:oid:1.2.250.1.213.1.1.4.13"),
            dmp_string("1.2.250.1.213.1.1.4.13")
        },
        .n_names = 8
    },
    .labels = small_labels,
    .n_labels = sizeof(small_labels) / sizeof(small_labels[0])
};

#endif
