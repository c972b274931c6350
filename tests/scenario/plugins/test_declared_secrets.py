"""Names that a plugin declares secret: the access log does not show what requests carry under them."""
import pytest

from kit.gateway import GatewayDied
from kit.modules import build_module

SOURCE = r"""
#include <sluice/plugin.h>
struct secretive { sluice_strs parameters, fields; };
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct secretive, parameters, .doc = "parameters of the query that are secret"),
	SLUICE_OPTION(SLUICE_T_STRS, struct secretive, fields, .doc = "header fields that are secret"),
	SLUICE_OPTIONS_END
};
static int check(sluice_instance *inst, void *conf)
{
	struct secretive *s = conf;
	for (size_t i = 0; i < s->parameters.n; i++)
		sluice_secret(inst, SLUICE_SECRET_PARAMETER, s->parameters.v[i]);
	for (size_t i = 0; i < s->fields.n; i++)
		sluice_secret(inst, SLUICE_SECRET_FIELD, s->fields.v[i]);
	return 0;
}
SLUICE_PLUGIN("secretive", .version = "1", .summary = "has secrets", .options = options,
              .conf_size = sizeof(struct secretive), .check = check);
"""
CONFIG = """
listeners:
  - { name: public, address: "127.0.0.1:@public@" }
routes:
  - { name: all, match: { path: /* }, respond: { body: ok }, plugins: [{ use: secretive, %s }] }
"""


@pytest.fixture(scope="module")
def folder_of_module(tmp_path_factory):
    return build_module(tmp_path_factory.mktemp("secretive"), "secretive", SOURCE)


def test_what_a_plugin_declares_secret_is_not_logged(gateway, raw, folder_of_module):
    g = gateway(CONFIG % "parameters: [member-no], fields: [user-agent]", args=["--plugin-dir", folder_of_module])
    fields = [("User-Agent", "S3cret"), ("Referer", "http://a.test/?Member_No=S3cret")]
    assert raw(g.port()).get("/x?member%5Fno=S3cret&a=1", fields).status == 200
    assert raw(g.port()).get("/../x?member_no=S3cret", fields).status == 400
    good, bad = sorted(g.access(2), key=lambda line: line["status"])  # of two workers
    assert "S3cret" not in str(good) + str(bad)
    assert (good["query"], good["user_agent"], good["referer"]) == ("member%5Fno=***&a=1", "***", "http://a.test/?Member_No=***")
    assert (bad["path"], bad["query"]) == ("/../x", "member_no=***")


def test_they_stay_declared_over_a_reload(gateway, raw, folder_of_module):
    g = gateway(CONFIG % "parameters: [member]", args=["--plugin-dir", folder_of_module])
    g.reload((CONFIG % "parameters: [member]").replace("body: ok", "body: other"))
    g.wait_in_force(2)
    assert raw(g.port()).get("/x?member=S3cret").status == 200
    assert g.access(1)[0]["query"] == "member=***"


def test_a_name_that_cannot_be_one(gateway, folder_of_module):
    with pytest.raises(GatewayDied, match="cannot be the name of a secret"):
        gateway(CONFIG % 'parameters: ["--"]', args=["--plugin-dir", folder_of_module])
