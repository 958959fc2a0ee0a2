"""Why a setting of LiteLLM has no place in freehold.toml, and what to do instead. Data: LiteLLM's names, our sentences.

Names as in LiteLLM's "All settings" page (docs.litellm.ai/docs/proxy/config_settings, read 2026-11-24).
"""

UNKNOWN = "Freehold has no such setting."

_BREAKER = "Each deployment has a circuit breaker that opens and closes by itself, and never on the last one; it has no settings."
_NO_REDIS = "The workers of one machine share their counts without Redis."
_NO_CALLBACKS = (
    "Freehold keeps its own record of every answer and serves Prometheus metrics at /metrics; it calls no others."
)
_NO_CACHE = "Freehold does not store answers to give them again."
_LOGS = 'Set [door] log = "debug", "info", "warning" or "error".'
_NO_DATABASE = "Freehold keeps keys, budgets and records in its data folder and needs no database."
_NO_DEFAULTS = "Freehold adds no parameters to a caller's request; the caller sends them."
_CATALOG = "The catalog knows what each model can do; your own price goes under [prices]."
_CLOUD = "It belongs to a vendor that Freehold does not have built in."
_KEYS = "Make keys with `freehold keys create`; each has a project, scopes, limits and budgets."
_CONTENT = "Freehold does not ask another model when one refuses the content."

REASONS: dict[str, dict[str, str]] = {
    "": {
        "callback_settings": _NO_CALLBACKS,
        "guardrails": "Freehold has no guardrails yet.",
        "include": "Convert each included file on its own.",
        "mcp_servers": "Freehold is no MCP gateway.",
        "vector_store_registry": "Freehold has no vector stores.",
        "prompts": "Freehold keeps no prompt templates.",
    },
    "litellm_params": {
        **dict.fromkeys(
            (
                "temperature",
                "top_p",
                "max_tokens",
                "max_completion_tokens",
                "seed",
                "stop",
                "presence_penalty",
                "frequency_penalty",
                "response_format",
                "reasoning_effort",
                "thinking",
                "user",
                "n",
                "logit_bias",
                "extra_body",
            ),
            _NO_DEFAULTS,
        ),
        **dict.fromkeys(("api_version", "region_name", "azure_ad_token", "tenant_id", "client_id"), _CLOUD),
        "drop_params": "A parameter that a vendor refuses is always dropped, and named in the header x-freehold-dropped.",
        "max_parallel_requests": "[door] max_in_flight bounds what one worker answers at once, over all models.",
        "cooldown_time": _BREAKER,
        "tags": "Make one workload for each tag, and let callers name it.",
        "mock_response": 'The vendor "echo" answers without a model.',
        "merge_reasoning_content_in_choices": "Reasoning stays apart from the answer.",
        "use_in_pass_through": "Freehold has no pass-through paths.",
    },
    "model_info": dict.fromkeys(
        (
            "id",
            "mode",
            "base_model",
            "description",
            "max_tokens",
            "max_input_tokens",
            "max_output_tokens",
            "supports_vision",
            "supports_function_calling",
            "supports_reasoning",
        ),
        _CATALOG,
    ),
    "router_settings": {
        **dict.fromkeys(("allowed_fails", "cooldown_time", "disable_cooldowns", "allowed_fails_policy"), _BREAKER),
        **dict.fromkeys(("redis_host", "redis_port", "redis_password", "redis_url", "redis_db"), _NO_REDIS),
        **dict.fromkeys(("cache_kwargs", "cache_responses", "caching_groups"), _NO_CACHE),
        "enable_pre_call_checks": "It is always so: a model whose context window is too small is left out.",
        "enable_tag_filtering": "Make one workload for each tag, and let callers name it.",
        "tag_filtering_match_any": "Make one workload for each tag, and let callers name it.",
        "retry_policy": "Which errors are tried again follows from what they mean; `retries` says how often.",
        "routing_strategy_args": "The strategies have no arguments.",
        "context_window_fallbacks": "Put a model with a larger window into the same route: those too small are left out.",
        "content_policy_fallbacks": _CONTENT,
        "default_litellm_params": _NO_DEFAULTS,
        "default_max_parallel_requests": "[door] max_in_flight bounds what one worker answers at once, over all models.",
        "max_fallbacks": "The whole route is tried, within the total time.",
        "debug_level": _LOGS,
        "set_verbose": _LOGS,
    },
    "litellm_settings": {
        **dict.fromkeys(
            ("success_callback", "failure_callback", "callbacks", "service_callbacks", "langfuse_default_tags"),
            _NO_CALLBACKS,
        ),
        **dict.fromkeys(("cache", "cache_params", "enable_redis_auth_cache"), _NO_CACHE),
        **dict.fromkeys(("set_verbose", "json_logs", "turn_off_message_logging", "redact_user_api_key_info"), _LOGS),
        **dict.fromkeys(("allowed_fails", "cooldown_time"), _BREAKER),
        "drop_params": "A parameter that a vendor refuses is always dropped, and named in the header x-freehold-dropped.",
        "modify_params": "Requests are changed only as far as the vendor's dialect demands.",
        "max_budget": "There is no budget over everything: give one to a workload, a project or a key.",
        "budget_duration": "Budgets run per calendar day or month.",
        "context_window_fallbacks": "Put a model with a larger window into the same route: those too small are left out.",
        "content_policy_fallbacks": _CONTENT,
        "default_internal_user_params": _KEYS,
        "key_generation_settings": _KEYS,
        "default_team_settings": _NO_CALLBACKS,
    },
    "general_settings": {
        "master_key": "`freehold up` makes its first admin key and writes it to admin.key in the data folder.",
        **dict.fromkeys(
            (
                "database_url",
                "database_connection_pool_limit",
                "database_connection_timeout",
                "store_model_in_db",
                "allow_requests_on_db_unavailable",
                "disable_spend_logs",
                "proxy_batch_write_at",
            ),
            _NO_DATABASE,
        ),
        **dict.fromkeys(("custom_auth", "enable_jwt_auth", "litellm_jwtauth", "enable_oauth2_auth"), _KEYS),
        "completion_model": "Name the model for callers that name none by giving [workloads.default] a route.",
        "alerting": "Watch the Prometheus metrics at /metrics.",
        "alerting_threshold": "Watch the Prometheus metrics at /metrics.",
        "background_health_checks": "The circuit breakers learn from the requests themselves.",
        "health_check_interval": "The circuit breakers learn from the requests themselves.",
        "pass_through_endpoints": "Freehold has no pass-through paths.",
        "max_parallel_requests": "[door] max_in_flight bounds what one worker answers at once, over all models.",
    },
}


def reason(section: str, name: str) -> str:
    """Why the setting `name` of a section of LiteLLM's file was not carried over."""
    found = REASONS.get(section, {}).get(name)
    if found is None and section == "litellm_params" and name.startswith(("aws_", "vertex_", "azure_")):
        return _CLOUD
    if found is None and section == "model_info" and name.startswith("supports_"):
        return _CATALOG
    return found or UNKNOWN
