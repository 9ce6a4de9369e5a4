"""The operations of the HTTP API, one a line or two, and the calls of the admin service that are none, with reasons.

The law: each call is in one of the two; what reads is a GET and nothing else is, as the record of changes has it.
"""

from collections.abc import Iterator
from typing import Final

from ops.admin.http.operations import Operation
from wire import admin_pb2 as pb

# Calls that are no operations.
EXCEPTIONS: Final = {
    "Directory.AddAppPassword": "its answer is a password, and no answer over HTTPS has a secret",
    "Mailboxes.Import": "a stream of mail both ways; over HTTPS mail goes in by JMAP",
    "Mailboxes.Export": "a stream of a mailbox's mail with its octets; over HTTPS mail is read by JMAP",
    "Cluster.WatchCluster": "never ends; GET /cluster tells the same, as often as it is asked",
}

_FILTER: Final = ("filter.sender", "filter.recipient", "filter.domain", "filter.status", "filter.before_ms")
_DOMAIN: Final = ("separator", "catch_all", "admin", "rewrites")

_SERVER: Final = (
    Operation("GET", "/status", "Server.GetStatus", "What runs, and since when."),
    Operation("GET", "/changes", "Audit.ListChanges", "What was changed, by whom.", query=("limit", "before_ms")),
)

_DOMAINS: Final = (
    Operation("GET", "/domains", "Directory.ListDomains", "All domains.", query=("limit", "after"), cursor="name"),
    Operation(
        "POST",
        "/domains",
        "Directory.AddDomain",
        "A new domain.",
        body=("name", "case_sensitive", *_DOMAIN),
        required=("name",),
        made="/domains/{name}",
    ),
    Operation("GET", "/domains/{name}", "Directory.GetDomain", "One domain."),
    Operation(
        "PATCH",
        "/domains/{name}",
        "Directory.ChangeDomain",
        "Change what is given of a domain.",
        body=("case_sensitive", *_DOMAIN),
    ),
    Operation("DELETE", "/domains/{name}", "Directory.RemoveDomain", "Remove a domain.", query=("force",)),
    Operation(
        "GET",
        "/domains/{domain}/dns-records",
        "Directory.ListDnsRecords",
        "What a domain should publish in the DNS.",
        query=("host", "reports"),
    ),
    Operation("GET", "/domains/{domain}/dkim-keys", "Directory.ListDkimKeys", "The keys that sign a domain's mail."),
    Operation(
        "POST",
        "/domains/{domain}/dkim-keys",
        "Directory.AddDkimKey",
        "A new key, made here or given.",
        body=("algorithm", "selector", "private_key", "active"),
        made="/domains/{domain}/dkim-keys/{selector}",
    ),
    Operation(
        "GET",
        "/domains/{domain}/dkim-keys/{selector}",
        "Directory.ListDkimKeys",
        "One key.",
        one="selector",
        name="GetDkimKey",
    ),
    Operation(
        "PATCH",
        "/domains/{domain}/dkim-keys/{selector}",
        "Directory.ChangeDkimKey",
        "Let a key wait, sign or retire.",
        body=("state",),
        required=("state",),
    ),
    Operation(
        "DELETE",
        "/domains/{domain}/dkim-keys/{selector}",
        "Directory.RemoveDkimKey",
        "Remove a key that does not sign.",
    ),
    Operation(
        "POST",
        "/domains/{domain}/dkim-rotation",
        "Directory.RotateDkimKeys",
        "New keys beside those that sign, to be published.",
    ),
)

_ACCOUNTS: Final = (
    Operation(
        "GET",
        "/accounts",
        "Directory.ListAccounts",
        "Accounts of a domain, or all.",
        query=("domain", "usage", "limit", "after"),
        cursor="login",
    ),
    Operation(
        "POST",
        "/accounts",
        "Directory.AddAccount",
        "A new account.",
        body=("login", "password", "addresses", "quota_bytes", "quota_messages", "shared"),
        required=("login",),
        made="/accounts/{login}",
    ),
    Operation("GET", "/accounts/{login}", "Directory.GetAccount", "One account.", query=("usage",)),
    Operation(
        "PATCH",
        "/accounts/{login}",
        "Directory.ChangeAccount",
        "Change what is given of an account: addresses, quotas, whether it is disabled or an administrator.",
        body=("add_addresses", "remove_addresses", "quota_bytes", "quota_messages", "disabled", "administrator"),
    ),
    Operation("DELETE", "/accounts/{login}", "Directory.RemoveAccount", "Remove an account with its mail."),
    Operation(
        "PUT",
        "/accounts/{login}/password",
        "Directory.SetPassword",
        "Replace an account's password.",
        body=("password",),
        required=("password",),
    ),
    Operation(
        "GET",
        "/accounts/{login}/app-passwords",
        "Directory.ListAppPasswords",
        "An account's passwords for single programs, without the passwords.",
    ),
    Operation(
        "DELETE",
        "/accounts/{login}/app-passwords/{which}",
        "Directory.RemoveAppPassword",
        "Revoke a program's password.",
    ),
    Operation(
        "DELETE",
        "/accounts/{login}/second-factor",
        "Directory.ResetSecondFactor",
        "Ask for no code any more.",
    ),
    Operation("GET", "/accounts/{login}/programs", "Directory.ListPrograms", "What an account let in (OAuth 2)."),
    Operation(
        "DELETE",
        "/accounts/{login}/programs/{id}",
        "Directory.RemoveProgram",
        "End all that a program was let do.",
    ),
    Operation("GET", "/accounts/{account}/mailboxes", "Mailboxes.ListMailboxes", "An account's mailboxes."),
    Operation(
        "POST",
        "/accounts/{account}/mailboxes",
        "Mailboxes.CreateMailbox",
        "A new mailbox.",
        body=("name",),
        required=("name",),
        made="/accounts/{account}/mailboxes",
    ),
    Operation(
        "PUT",
        "/accounts/{account}/mailboxes/{name}/grants/{identifier}",
        "Mailboxes.ShareMailbox",
        "Say what somebody may do with a mailbox.",
        places={"identifier": "grant.identifier"},
        body=("grant.rights", "mode"),
        required=("rights",),
    ),
    Operation(
        "DELETE",
        "/accounts/{account}/mailboxes/{name}/grants/{identifier}",
        "Mailboxes.ShareMailbox",
        "Take from somebody all that was granted.",
        places={"identifier": "grant.identifier"},
        name="UnshareMailbox",
    ),
    Operation(
        "GET",
        "/accounts/{account}/search-index",
        "Search.GetSearchIndex",
        "How an account's search index stands.",
    ),
    Operation(
        "POST",
        "/accounts/{account}/search-index/rebuild",
        "Search.RebuildSearchIndex",
        "Ask for a new search index.",
    ),
)

_QUEUE: Final = (
    Operation(
        "GET",
        "/queue",
        "Queue.ListQueue",
        "Entries of the outbound queue.",
        query=(*_FILTER, "limit", "after"),
        cursor="id",
    ),
    Operation("GET", "/queue/{id}", "Queue.GetQueueEntry", "One entry, with its history."),
    Operation("GET", "/queue-status", "Queue.GetQueueStatus", "What waits, by destination.", query=_FILTER),
    Operation(
        "POST",
        "/queue-changes",
        "Queue.ChangeQueue",
        "Change all entries that a filter means; tells how many were.",
        body=("change", "filter", "wish", "all"),
        required=("change",),
        last=True,
    ),
)

_REPORTS: Final = (
    Operation(
        "GET",
        "/reports",
        "Reports.ListReports",
        "Reports of others about our domains, the newest first.",
        query=("domain", "kind", "limit", "before_ms"),
    ),
    Operation("GET", "/reports/{id}", "Reports.GetReport", "One report."),
    Operation(
        "GET",
        "/report-summaries",
        "Reports.ListReportSummaries",
        "Reports of the last days, by domain and kind.",
        query=("days", "domain"),
    ),
    Operation(
        "GET",
        "/pending-reports",
        "Reports.ListPendingReports",
        "What has been counted about others, and is to be sent.",
        query=("limit",),
    ),
    Operation("POST", "/pending-reports/send", "Reports.SendReports", "Send the reports of days that have ended."),
)

_TRACES: Final = (
    Operation(
        "GET",
        "/traces",
        "Traces.Why",
        "What happened to the newest messages that have to do with a word.",
        query=("word", "limit"),
        required=("word",),
    ),
)

_CLUSTER: Final = (
    Operation("GET", "/cluster", "Cluster.GetCluster", "The cluster: nodes, processes, what moves."),
    Operation(
        "GET",
        "/cluster/slots",
        "Cluster.ListSlots",
        "Who owns which slots.",
        query=("kind", "shard", "login"),
    ),
    Operation("POST", "/cluster/nodes/{node}/drain", "Cluster.DrainNode", "Empty a node."),
    Operation("POST", "/cluster/nodes/{node}/undrain", "Cluster.UndrainNode", "Let a node have slots again."),
    Operation(
        "PUT",
        "/cluster/scale",
        "Cluster.Scale",
        "How many processes of each kind a node shall have.",
        body=("wanted",),
        required=("wanted",),
    ),
    Operation(
        "PUT",
        "/cluster/log-level",
        "Cluster.SetLogLevel",
        "The log level of all processes, or of those of a node.",
        body=("level", "node"),
        required=("level",),
    ),
)


def _entries() -> Iterator[Operation]:
    """Aliases, lists and groups: the same calls, told apart by their kind."""
    for path, name, kind in (
        ("aliases", "alias", pb.ENTRY_KIND_ALIAS),
        ("lists", "list", pb.ENTRY_KIND_LIST),
        ("groups", "group", pb.ENTRY_KIND_GROUP),
    ):
        one, fixed = f"/{path}/{{address}}", {"kind": kind}
        named = () if kind == pb.ENTRY_KIND_ALIAS else ("name",)
        joining = () if kind == pb.ENTRY_KIND_ALIAS else ("add_members", "remove_members")
        yield Operation(
            "GET",
            f"/{path}",
            "Directory.ListEntries",
            f"All {path}, or those of a domain.",
            query=("domain", "limit", "after"),
            fixed=fixed,
            cursor="address",
            name=f"List{path.title()}",
        )
        yield Operation(
            "POST",
            f"/{path}",
            "Directory.AddEntry",
            f"A new {name}.",
            body=("entry.address", "entry.members", *(f"entry.{field}" for field in named)),
            required=("address", "members"),
            fixed={"entry.kind": kind},
            made=one,
            name=f"Add{name.title()}",
        )
        yield Operation("GET", one, "Directory.GetEntry", f"One {name}.", fixed=fixed, name=f"Get{name.title()}")
        yield Operation(
            "PATCH",
            one,
            "Directory.ChangeEntry",
            f"Change what is given of {'an' if named == () else 'a'} {name}.",
            body=("members", *joining, *named),
            required=() if named else ("members",),
            fixed=fixed,
            name=f"Change{name.title()}",
        )
        yield Operation(
            "DELETE",
            one,
            "Directory.RemoveEntry",
            f"Remove {'an' if named == () else 'a'} {name}.",
            fixed=fixed,
            name=f"Remove{name.title()}",
        )


def _wishes() -> Iterator[Operation]:
    """What may become of one entry of the queue."""
    for word, change, says, body in (
        ("hold", pb.QUEUE_CHANGE_HOLD, "Send it to nobody until it is released.", ()),
        ("release", pb.QUEUE_CHANGE_RELEASE, "Take a hold back.", ()),
        ("cancel", pb.QUEUE_CHANGE_CANCEL, "Never send it, and tell nobody.", ()),
        ("retry", pb.QUEUE_CHANGE_RETRY, "Try it now.", ()),
        ("reroute", pb.QUEUE_CHANGE_REROUTE, "Send it another way.", ("route", "target")),
        ("expire", pb.QUEUE_CHANGE_EXPIRE, "Give it up at another time.", ("expires_ms",)),
        ("prioritise", pb.QUEUE_CHANGE_PRIORITISE, "Send it sooner or later than others.", ("priority",)),
        ("recall", pb.QUEUE_CHANGE_RECALL, "What a dead process had under way is sent by others at once.", ()),
    ):
        yield Operation(
            "POST",
            f"/queue/{{id}}/{word}",
            "Queue.ChangeQueueEntry",
            says,
            body=tuple(f"wish.{field}" for field in body),
            required=body if len(body) == 1 else (),
            fixed={"change": change},
            name=f"{word.title()}QueueEntry",
        )


OPERATIONS: Final = (
    *_SERVER,
    *_DOMAINS,
    *_ACCOUNTS,
    *_entries(),
    *_QUEUE,
    *_wishes(),
    *_REPORTS,
    *_TRACES,
    *_CLUSTER,
)
