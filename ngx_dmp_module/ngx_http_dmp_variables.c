/*
 * Variables for logs and headers.  They are empty until the request has come
 * to the access phase of a protected location; none holds an INS.
 */

#include "ngx_http_dmp_module.h"


typedef enum {
    NGX_HTTP_DMP_VAR_DECISION,
    NGX_HTTP_DMP_VAR_REASON,
    NGX_HTTP_DMP_VAR_RULE,
    NGX_HTTP_DMP_VAR_MODE,
    NGX_HTTP_DMP_VAR_ACTOR,
    NGX_HTTP_DMP_VAR_SUBJECT,
    NGX_HTTP_DMP_VAR_OPERATION,
    NGX_HTTP_DMP_VAR_TRACE_ID,
    NGX_HTTP_DMP_VAR_PATIENT
} ngx_http_dmp_variable_e;


static dmp_str_t
ngx_http_dmp_text_of(const char *text)
{
    return (dmp_str_t) { text, ngx_strlen(text) };
}


static dmp_str_t
ngx_http_dmp_value(const ngx_http_dmp_ctx_t *ctx, uintptr_t which)
{
    switch (which) {

    case NGX_HTTP_DMP_VAR_DECISION:
        return ngx_http_dmp_text_of(dmp_effect_name(ctx->decision.effect));

    case NGX_HTTP_DMP_VAR_REASON:
        return ngx_http_dmp_text_of(dmp_reason_name(
                                        ctx->answer_reason
                                        ? ctx->answer_reason
                                        : ctx->decision.reason));

    case NGX_HTTP_DMP_VAR_RULE:
        return ngx_http_dmp_text_of(dmp_rule_name(ctx->decision.rule));

    case NGX_HTTP_DMP_VAR_MODE:
        return ngx_http_dmp_text_of(dmp_mode_name(ctx->asked.mode));

    case NGX_HTTP_DMP_VAR_ACTOR:
        return ngx_http_dmp_text_of(dmp_actor_name(ctx->subject.actor));

    case NGX_HTTP_DMP_VAR_SUBJECT:
        return ctx->subject.id;

    case NGX_HTTP_DMP_VAR_OPERATION:
        return ngx_http_dmp_text_of(dmp_operation_name(ctx->asked.operation));

    case NGX_HTTP_DMP_VAR_TRACE_ID:
        return (dmp_str_t) { (const char *) ctx->trace_id, DMP_UUID_LEN };

    case NGX_HTTP_DMP_VAR_PATIENT:
        if (ctx->patient_known) {
            return (dmp_str_t) { ctx->patient, DMP_PSEUDONYM_LEN };
        }
        break;

    default:
        break;
    }

    return dmp_null_string;
}


static ngx_int_t
ngx_http_dmp_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    dmp_str_t            value;
    ngx_http_dmp_ctx_t  *ctx;

    ctx = ngx_http_dmp_get_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    value = ngx_http_dmp_value(ctx, data);

    v->data = (u_char *) value.data;
    v->len = (unsigned) value.len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


#define ngx_http_dmp_var(name, which)                                         \
    { ngx_string(name), NULL, ngx_http_dmp_variable,                          \
      NGX_HTTP_DMP_VAR_##which, NGX_HTTP_VAR_NOCACHEABLE, 0 }

static ngx_http_variable_t  ngx_http_dmp_vars[] = {
    ngx_http_dmp_var("dmp_decision", DECISION),
    ngx_http_dmp_var("dmp_reason", REASON),
    ngx_http_dmp_var("dmp_rule", RULE),
    ngx_http_dmp_var("dmp_mode", MODE),
    ngx_http_dmp_var("dmp_actor", ACTOR),
    ngx_http_dmp_var("dmp_subject", SUBJECT),
    ngx_http_dmp_var("dmp_operation", OPERATION),
    ngx_http_dmp_var("dmp_trace_id", TRACE_ID),
    ngx_http_dmp_var("dmp_patient", PATIENT),
    ngx_http_null_variable
};


ngx_int_t
ngx_http_dmp_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_dmp_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}
