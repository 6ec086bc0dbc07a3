/*
 * dmp_policy_find.c: what a request looks up in the policy.  No allocation,
 * and nothing but exact comparison: a code is known with its system or not.
 */

#include <dmp/dmp_document.h>

#include "dmp_policy_int.h"


#define DMP_TYPE_SLOTS       (2 * DMP_TYPES_MAX)     /* never more than half */
#define DMP_TYPE_SLOTS_BITS  10

_Static_assert(DMP_TYPE_SLOTS == 1 << DMP_TYPE_SLOTS_BITS, "a bit for each");


/* What is empty is no name. */
static inline bool
dmp_policy_is(dmp_str_t a, dmp_str_t b)
{
    return a.len != 0 && dmp_str_eq(a, b);
}


const dmp_profession_t *
dmp_policy_profession(const dmp_policy_t *policy, dmp_code_t code)
{
    size_t                   i;
    const dmp_profession_t  *p;

    for (i = 0; i < policy->n_professions; i++) {
        p = &policy->professions[i];

        if (dmp_policy_is(p->code.code, code.code)
            && dmp_policy_is(p->code.system, code.system))
        {
            return p;
        }
    }

    return NULL;
}


/*
 * By up to eight bytes of either end.  The codes are the policy's own, so
 * nobody chooses what collides.  The factor is that of Fibonacci hashing: its
 * product's high bits depend on all of them.
 */
static inline size_t
dmp_policy_slot(dmp_str_t code)
{
    size_t    n;
    uint32_t  half[2];
    uint64_t  head, tail;

    head = 0;
    tail = 0;
    n = code.len;

    if (n >= sizeof(head)) {
        memcpy(&head, code.data, sizeof(head));
        memcpy(&tail, code.data + n - sizeof(tail), sizeof(tail));

    } else if (n >= sizeof(half[0])) {
        memcpy(&half[0], code.data, sizeof(half[0]));
        memcpy(&half[1], code.data + n - sizeof(half[1]), sizeof(half[1]));
        head = (uint64_t) half[0] << 32 | half[1];

    } else {
        while (n-- > 0) {
            head = head << 8 | (unsigned char) code.data[n];
        }
    }

    return ((head ^ tail * 31 ^ code.len) * UINT64_C(0x9e3779b97f4a7c15))
           >> (64 - DMP_TYPE_SLOTS_BITS);
}


bool
dmp_policy_add_type(dmp_policy_t *policy, size_t index)
{
    size_t     slot;
    dmp_str_t  code;

    code = policy->types[index].code.code;

    for (slot = dmp_policy_slot(code);
         policy->type_slots[slot] != 0;
         slot = (slot + 1) % DMP_TYPE_SLOTS)
    {
        if (dmp_policy_is(policy->types[policy->type_slots[slot] - 1].code.code,
                          code))
        {
            return false;
        }
    }

    policy->type_slots[slot] = (uint16_t) (index + 1);

    return true;
}


bool
dmp_system_has(const dmp_system_t *system, dmp_str_t name)
{
    unsigned  i;

    for (i = 0; i < system->n_names; i++) {
        if (dmp_policy_is(system->names[i], name)) {
            return true;
        }
    }

    return false;
}


const dmp_type_t *
dmp_policy_type(const dmp_policy_t *policy, dmp_code_t code, bool *same)
{
    size_t             slot;
    const dmp_type_t  *type;

    *same = false;

    for (slot = dmp_policy_slot(code.code);
         policy->type_slots[slot] != 0;
         slot = (slot + 1) % DMP_TYPE_SLOTS)
    {
        type = &policy->types[policy->type_slots[slot] - 1];

        if (dmp_policy_is(type->code.code, code.code)) {
            *same = dmp_system_has(&policy->type_systems[type->system],
                                   code.system);
            return type;
        }
    }

    return NULL;
}


const dmp_matrix_t *
dmp_policy_matrix(const dmp_policy_t *policy, int32_t today)
{
    size_t  i;

    for (i = 0; i < policy->n_matrices; i++) {
        if (policy->matrices[i].from <= today) {
            return &policy->matrices[i];
        }
    }

    return NULL;
}


unsigned
dmp_policy_label(const dmp_policy_t *policy, dmp_code_t code)
{
    size_t    i;
    unsigned  labels;

    labels = DMP_LABEL_ALL;

    for (i = 0; i < policy->n_labels; i++) {
        if (dmp_policy_is(policy->labels[i].code, code.code)) {
            labels = policy->labels[i].labels;
            break;
        }
    }

    if (!dmp_system_has(&policy->label_system, code.system)) {
        labels |= DMP_LABEL_ALL;
    }

    return labels;
}
