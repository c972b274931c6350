"""What a test is about, by its file: CI runs those of `memory` under AddressSanitizer, those of `threads` under ThreadSanitizer,
and all of them without. A file that stands in neither list asks what is said and written (texts, formats, refusals of heads that
the unit tests and fuzz targets parse under the sanitizers too) and is run once.

A folder stands for all of its files; `bugs` is tests/bugs, the others lie in tests/scenario. Of the tests that are repeated for every pair of protocols, sanitizers run two pairs: they
have each of the four codecs once.
"""
import re

MEMORY = """
bugs
clients/test_load clients/test_refused_uploads
edge/test_descriptors edge/test_overload edge/test_proxy_protocol_out edge/test_slow_bodies edge/test_slow_clients
edge/test_slow_h2_clients
grpc/test_grpc_calls grpc/test_grpc_errors grpc/test_grpc_reroute grpc/test_grpc_time
health
http1/test_bodies http1/test_interim http1/test_keep_alive http1/test_pipelining http1/test_trailers
http2
limits/test_rate_limit limits/test_redis_cluster limits/test_redis_errors limits/test_redis_failures
limits/test_redis_sentinel
matrix
plugins/test_any_of plugins/test_answer_streams plugins/test_answers plugins/test_basic_auth plugins/test_body_hooks
plugins/test_body_wait plugins/test_cache plugins/test_cache_rules plugins/test_chain plugins/test_compress
plugins/test_conns plugins/test_error_pages plugins/test_events plugins/test_ext_auth plugins/test_ip_access
plugins/test_jwt_keys plugins/test_jwt_upstream plugins/test_key_auth plugins/test_listener_plugins plugins/test_lua
plugins/test_match_facts plugins/test_modules plugins/test_oidc_login plugins/test_oidc_sessions plugins/test_park plugins/test_plugins_h2 plugins/test_reroute
plugins/test_upstream_token plugins/test_jwt_deny plugins/test_signatures
process/test_inherited process/test_listeners process/test_reload process/test_stop process/test_successor
proxy/test_backpressure proxy/test_balance_ways proxy/test_client_leaves proxy/test_discover proxy/test_early_responses
proxy/test_long_bodies proxy/test_mirror proxy/test_pool proxy/test_retries proxy/test_retry_rules proxy/test_route_limits
proxy/test_soak proxy/test_sticky proxy/test_streaming proxy/test_upstream_dies proxy/test_upstream_garbage
proxy/test_upstream_tls
tls/test_tls_listener tls/test_tls_upstream
tunnel/test_extended_connect tunnel/test_tunnels tunnel/test_websocket
""".split()

THREADS = """
admin
clients/test_load
edge/test_connection_limits edge/test_descriptors edge/test_overload
grpc/test_grpc_calls
health
http2/test_h2_floods http2/test_h2_upstream_ends
limits/test_rate_limit limits/test_redis_cluster limits/test_redis_failures limits/test_redis_hosts
limits/test_redis_sentinel
plugins/test_basic_auth plugins/test_cache plugins/test_cache_rules plugins/test_conns plugins/test_events
plugins/test_ext_auth plugins/test_ip_access plugins/test_jwt_keys plugins/test_key_auth plugins/test_lua
plugins/test_modules plugins/test_modules_that_harm plugins/test_park plugins/test_upstream_token plugins/test_jwt_deny
process/test_listeners process/test_logs process/test_reload process/test_start process/test_stop process/test_successor
proxy/test_backpressure proxy/test_balance proxy/test_balance_ways proxy/test_client_leaves proxy/test_counts
proxy/test_discover proxy/test_mirror proxy/test_soak proxy/test_split
tls/test_tls_listener
tunnel/test_tunnels
""".split()

PAIRS = {"h1-h2", "h2-h1", "tls-h2c", "h2c-h2"}


def pair_of(params):
    """CLIENT-UPSTREAM, if a test with these parameters is repeated for such pairs."""
    for names in (("pair",), ("kind",), ("client", "upstream"), ("clients", "upstream")):
        pair = "-".join(str(params.get(name)) for name in names)
        if set(names) <= set(params) and re.fullmatch(r"(h1|h2|h2c|tls)-(h1|h2|h2c)", pair):
            return pair
    return None


def of(file, params):
    """The marks of a test with these parameters in this file (area/name, without .py)."""
    if pair_of(params) not in PAIRS | {None}:
        return []
    area = file.partition("/")[0]
    return [mark for mark, files in (("memory", MEMORY), ("threads", THREADS)) if file in files or area in files]
