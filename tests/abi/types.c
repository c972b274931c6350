/* A shared object that leads to every type of the plugin interface: tests/tools/check-abi compares
 * it with the committed one. A type that the table of services does not lead to has a function. */
#include <sluice/plugin.h>

#define TYPE(name, ...)                                    \
	SLUICE_EXPORT void sluice_abi_##name(__VA_ARGS__); \
	void sluice_abi_##name(__VA_ARGS__) {}

TYPE(record, const sluice_plugin *r __attribute__((unused)))
TYPE(services, const sluice_host *h __attribute__((unused)))
TYPE(option_type, sluice_opt_type t __attribute__((unused)))
TYPE(option_flags, enum sluice_opt_flags f __attribute__((unused)))
TYPE(rate, sluice_rate r __attribute__((unused)))
TYPE(blocks, sluice_blocks b __attribute__((unused)))
TYPE(strs, sluice_strs s __attribute__((unused)))
TYPE(exprs, sluice_exprs e __attribute__((unused)))
TYPE(side, sluice_side s __attribute__((unused)))
TYPE(field_op, sluice_field_op o __attribute__((unused)))
TYPE(info, sluice_info i __attribute__((unused)))
TYPE(number, sluice_number_id n __attribute__((unused)))
TYPE(body_mode, sluice_body_mode m __attribute__((unused)))
TYPE(body_over, sluice_body_over o __attribute__((unused)))
TYPE(log_level, sluice_log_level l __attribute__((unused)))
TYPE(log_format, sluice_log_format f __attribute__((unused)))
TYPE(secret_kind, sluice_secret_kind k __attribute__((unused)))
TYPE(own_kind, sluice_own_kind k __attribute__((unused)))
TYPE(identity, sluice_identity i __attribute__((unused)))
