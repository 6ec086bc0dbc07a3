/*
 * test_names.c: every value has one stable name, and it is the one that the
 * rules, the interface and the kept traces use.
 */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dmp/dmp_decide.h>
#include <dmp/dmp_document.h>
#include <dmp/dmp_policy.h>
#include <dmp/dmp_rights.h>


#define count(table)  (sizeof(table) / sizeof((table)[0]))

typedef const char *(*name_pt)(int value);

/* The functions take enumerations; as numbers they are all called alike. */
#define AS_NUMBER(what, type)                                                 \
    static const char *                                                       \
    what(int value)                                                           \
    {                                                                         \
        return dmp_ ## what ## _name((type) value);                           \
    }

AS_NUMBER(actor, dmp_actor_t)
AS_NUMBER(auth, dmp_auth_t)
AS_NUMBER(operation, dmp_operation_t)
AS_NUMBER(mode, dmp_mode_t)
AS_NUMBER(effect, dmp_effect_t)
AS_NUMBER(rule, dmp_rule_t)
AS_NUMBER(reason, dmp_reason_t)


static const char *
transaction(int value)
{
    return dmp_operation_transaction((dmp_operation_t) value);
}


static void
nothing_else(name_pt name, int n)
{
    assert_string_equal(name(n), "invalid");
    assert_string_equal(name(n + 1), "invalid");
    assert_string_equal(name(-1), "invalid");
    assert_string_equal(name(1000), "invalid");
    assert_string_equal(name(INT_MAX), "invalid");
    assert_string_equal(name(INT_MIN), "invalid");
}


/* Exactly these, in this order, each of them once. */
static void
names_are(name_pt name, const char *const *want, size_t n)
{
    size_t  i, j;

    for (i = 0; i < n; i++) {
        assert_string_equal(name((int) i), want[i]);

        for (j = 0; j < i; j++) {
            assert_string_not_equal(name((int) i), name((int) j));
        }
    }

    nothing_else(name, (int) n);
}


static void
test_actors(void **state)
{
    static const char *const  want[] = {
        "none", "patient", "representative", "professional", "staff",
        "structure", "feeder", "operator"
    };

    (void) state;
    names_are(actor, want, count(want));
}


static void
test_auths(void **state)
{
    static const char *const  want[] = {
        "none", "direct", "indirect", "indirect-reinforced", "operator",
        "session"
    };

    (void) state;
    names_are(auth, want, count(want));
}


static void
test_operations(void **state)
{
    static const char *const  want[] = {
        "none", "check", "find", "search", "reference", "read", "deposit",
        "replace", "mask", "unmask", "hide", "show", "delete", "archive",
        "unarchive", "history", "rights", "create", "close", "reopen",
        "metadata",
        "sign-in", "code", "password", "recovery", "sign-out", "session"
    };

    (void) state;
    names_are(operation, want, count(want));
    assert_int_equal(DMP_OPERATION_MAX, count(want));
}


static void
test_transactions(void **state)
{
    size_t  i;

    static const char *const  want[] = {
        "", "TD0.2", "TD0.5", "TD3.1a", "TD3.1b", "TD3.2", "TD2", "TD2.1",
        "TD3.3a", "TD3.3a", "TD3.3b", "TD3.3b", "TD3.3c", "TD3.3d", "TD3.3d",
        "", "TD0.3", "", "", "", "", "", "", "", "", "", ""
    };

    (void) state;

    for (i = 0; i < count(want); i++) {
        assert_string_equal(transaction((int) i), want[i]);
    }

    assert_int_equal(DMP_OPERATION_MAX, count(want));
    nothing_else(transaction, DMP_OPERATION_MAX);
}


static void
test_modes(void **state)
{
    static const char *const  want[] = {
        "none", "normal", "bris-de-glace", "centre-15"
    };

    (void) state;
    names_are(mode, want, count(want));
}


static void
test_effects(void **state)
{
    static const char *const  want[] = { "deny", "error", "allow" };

    (void) state;
    names_are(effect, want, count(want));
}


static void
test_rules(void **state)
{
    static const char *const  want[] = {
        "none", "A1", "A2", "A3", "A4", "B1", "B2", "C1", "C2", "D1", "D2",
        "E1", "F1", "G1", "G2", "G3", "G4", "G5", "G6", "G7", "H1", "H2",
        "H3", "H4", "H5", "H6", "H7", "P1", "P2", "X1"
    };

    (void) state;
    names_are(rule, want, count(want));
    assert_int_equal(DMP_RULE_MAX, count(want));
}


static void
test_reasons(void **state)
{
    static const char *const  want[] = {
        "none",
        "authentication-required", "certificate-rejected", "token-rejected",
        "identity-ambiguous",
        "request-ambiguous", "operation-unknown", "ins-invalid",
        "record-absent", "record-closed", "record-exists",
        "actor-excluded", "channel-mismatch", "right-missing", "blocked",
        "not-authorised", "authorisation-expired", "emergency-opposed",
        "justification-missing", "traits-mismatch", "not-regulator",
        "mode-unavailable",
        "document-foreign", "type-not-allowed", "masked",
        "invisible-to-patient", "invisible-to-representatives", "not-author",
        "change-not-allowed",
        "not-own-record", "deposit-not-allowed",
        "trace-unavailable",
        "answer-unchecked",
        "credentials-rejected", "code-rejected", "password-change-required",
        "too-many-attempts", "password-refused", "contact-missing"
    };

    (void) state;
    names_are(reason, want, count(want));
    assert_int_equal(DMP_REASON_MAX, count(want));
}


/* Each name leads back to its value, and nothing else does. */
static void
name_table(const dmp_names_t *names, size_t from, size_t n)
{
    size_t       i;
    const char  *name;

    assert_int_equal(names->n, n);

    for (i = from; i < n; i++) {
        name = names->names[i];
        assert_non_null(name);
        assert_int_equal(dmp_name_value(names, (dmp_str_t) { name,
                                                     strlen(name) }), i);
        assert_int_equal(dmp_name_value(names, (dmp_str_t) { name,
                                                 strlen(name) - 1 }), -1);
    }

    assert_int_equal(dmp_name_value(names, dmp_null_string), -1);
    assert_int_equal(dmp_name_value(names, dmp_string("invalid")), -1);
}


static void
test_tables(void **state)
{
    (void) state;
    name_table(&dmp_actor_names, 0, DMP_ACTOR_MAX);
    name_table(&dmp_credential_names, 0, DMP_CREDENTIAL_MAX);
    name_table(&dmp_auth_names, 0, DMP_AUTH_MAX);
    name_table(&dmp_regulator_names, 0, DMP_REGULATOR_MAX);
    name_table(&dmp_operation_names, 0, DMP_OPERATION_MAX);
    name_table(&dmp_mode_names, 0, DMP_MODE_MAX);
    name_table(&dmp_channel_names, 0, DMP_CHANNEL_MAX);
    name_table(&dmp_change_names, 0, DMP_CHANGE_MAX);
    name_table(&dmp_mapping_names, 0, DMP_MAPPING_MAX);
    name_table(&dmp_record_names, 0, DMP_RECORD_MAX);
    name_table(&dmp_rule_names, 0, DMP_RULE_MAX);
    name_table(&dmp_reason_names, 0, DMP_REASON_MAX);
    name_table(&dmp_effect_names, 0, DMP_EFFECTS);
    name_table(&dmp_obligation_names, 0, 15);
    name_table(&dmp_right_names, 1, DMP_RIGHT_MAX);
    name_table(&dmp_column_names, 1, DMP_COLUMN_MAX);
    name_table(&dmp_condition_names, 1, DMP_CONDITION_MAX);
    name_table(&dmp_table_names, 1, DMP_TABLE_MAX);

    /* a bit each, and no obligation without a name */
    assert_int_equal(DMP_OBLIGATION_ALL, (1 << 15) - 1);
    assert_true(DMP_RIGHT_MAX <= 64);
}


/* What reading a request may come to, as cases write it. */
static void
test_mappings(void **state)
{
    size_t  i;

    static const char *const  want[] = {
        "none", "ambiguous", "operation-unknown", "format", "media",
        "too-large", "ins-invalid", "incomplete", "one"
    };

    (void) state;
    assert_int_equal(DMP_MAPPING_MAX, count(want));
    assert_int_equal(dmp_mapping_names.n, count(want));

    for (i = 0; i < count(want); i++) {
        assert_string_equal(dmp_mapping_names.names[i], want[i]);
    }
}


/* What a zeroed struct says is never what lets anything through. */
static void
test_zero(void **state)
{
    (void) state;
    assert_string_equal(effect(0), "deny");
    assert_int_equal(DMP_CREDENTIAL_ABSENT, 0);
    assert_int_equal(DMP_MAPPING_NONE, 0);
    assert_int_equal(DMP_RESOURCE_NONE, 0);
    assert_int_equal(DMP_RECORD_UNKNOWN, 0);
    assert_int_equal(DMP_CHANNEL_NONE, 0);
    assert_int_equal(DMP_REGULATOR_UNKNOWN, 0);
    assert_int_equal(DMP_CHANGE_NONE, 0);
    assert_int_equal(DMP_PROFESSION_NONE, 0);
    assert_int_equal(DMP_COLUMN_NONE, 0);
    assert_int_equal(DMP_TABLE_NONE, 0);
    assert_int_equal(DMP_STATUS_UNKNOWN, 0);
    assert_int_equal(DMP_AUTHORISATION_NONE, 0);
    assert_int_equal(DMP_E_INTERNAL, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_actors),
        cmocka_unit_test(test_auths),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_zero),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
