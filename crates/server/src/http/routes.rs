//! Every route, one row each: path, who may, what it costs, what it answers, and the handler.
//!
//! The router, the authorisation and the OpenAPI document are made from this table, so none of them can drift.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use super::access::{Access, Budget, Guard, guard};
use super::{
    clock, connectors, deliveries, endpoints, events, feed, health, members, openapi, program, quarantine,
    quotes, redemptions, rewards, segments, sources,
};
use crate::app::App;
use crate::keys::Scope;

pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
    pub budget: Budget,
    pub doc: Doc,
    handler: fn() -> MethodRouter<Arc<App>>,
}

/// What the OpenAPI document says of it; schemas by their names in `openapi/schemas.json`.
pub struct Doc {
    /// Stable operation id.
    pub id: &'static str,
    pub summary: &'static str,
    /// Parameters by their names in `openapi/schemas.json`, beside those in the path.
    pub parameters: &'static [&'static str],
    /// (media type, schema)
    pub body: &'static [(&'static str, &'static str)],
    /// (status, schema or "" for none); problems are added by the route's nature.
    pub answers: &'static [(u16, &'static str)],
    /// Problems of its own beside those that every route of its kind has.
    pub problems: &'static [u16],
}

const JSON: &str = "application/json";
const READ: Budget = Budget::Requests;

macro_rules! route {
    ($method:literal $path:literal $access:expr, $budget:expr, $handler:expr, $id:literal, $summary:literal,
     params $params:expr, body $body:expr, answers $answers:expr, problems $problems:expr) => {
        Route {
            method: $method,
            path: $path,
            access: $access,
            budget: $budget,
            doc: Doc {
                id: $id,
                summary: $summary,
                parameters: $params,
                body: $body,
                answers: $answers,
                problems: $problems,
            },
            handler: || $handler,
        }
    };
}

const fn may(scope: Scope) -> Access {
    Access::Scope(scope)
}

pub fn routes() -> Vec<Route> {
    let mut all = event_routes();
    all.extend(feed_routes());
    all.extend(endpoint_routes());
    all.extend(member_routes());
    all.extend(reward_routes());
    all.extend(program_routes());
    all.extend(public_routes());
    all
}

fn event_routes() -> Vec<Route> {
    use Scope::{EventsRead, EventsWrite, PiiRead};
    vec![
        route!("POST" "/v1/events" may(EventsWrite), Budget::Events, post(events::post::handle), "postEvents",
            "Send one CloudEvent, a batch, or NDJSON; answered after the durable commit",
            params &["Prefer"],
            body &[("application/cloudevents+json", "CloudEvent"), ("application/cloudevents-batch+json", "CloudEventBatch"),
                ("application/x-ndjson", "Ndjson"), (JSON, "EventData")],
            answers &[(200, "OutcomeOrOutcomes"), (202, "Accepted")], problems &[400, 408, 409, 413, 415, 422, 503]),
        route!("GET" "/v1/events" may(EventsRead), READ, get(events::list::handle), "listEvents",
            "Events and what became of them, newest first",
            params &["Limit", "Cursor", "Status"], body &[],
            answers &[(200, "EventPage")], problems &[400, 503]),
        route!("GET" "/v1/events/{event_id}" may(EventsRead), READ, get(events::get::handle), "getEvent",
            "What became of one event", params &["Source"], body &[], answers &[(200, "EventRecord")],
            problems &[404, 409, 503]),
        route!("GET" "/v1/events/{event_id}/explanation" may(EventsRead), READ, get(events::explain::handle), "explainEvent",
            "Why: each rule of its type, with the values seen", params &["Source"], body &[],
            answers &[(200, "Explanation")], problems &[404, 409, 503]),
        route!("POST" "/v1/sources/{name}" Access::Signed, Budget::Events, post(sources::receive::handle), "receiveWebhook",
            "A vendor's signed webhook, raw", params &[], body &[("*/*", "Raw")],
            answers &[(200, "Received")], problems &[400, 401, 404, 408, 409, 413, 422, 503]),
        route!("GET" "/v1/sources" may(EventsRead), READ, get(sources::list::handle), "listSources",
            "The sources that may send signed webhooks", params &[], body &[], answers &[(200, "SourceList")], problems &[]),
        route!("GET" "/v1/sources/{name}/deliveries" may(PiiRead), READ, get(sources::deliveries::handle), "listSourceDeliveries",
            "Webhooks as they came, headers and body, newest first", params &["Limit", "Cursor"], body &[],
            answers &[(200, "DeliveryPage")], problems &[400, 404, 503]),
        route!("GET" "/v1/quarantine" may(PiiRead), READ, get(quarantine::list::handle), "listQuarantine",
            "What nobody could apply, kept for a person to see", params &["Limit", "Cursor"], body &[],
            answers &[(200, "QuarantinePage")], problems &[400, 503]),
    ]
}

fn feed_routes() -> Vec<Route> {
    use Scope::FeedRead;
    vec![
        route!("GET" "/v1/feed" may(FeedRead), READ, get(feed::list::handle), "listChanges",
            "Every change, oldest first", params &["After", "Types", "OfMember", "OfSegment", "ChangeLimit", "Wait"],
            body &[], answers &[(200, "ChangePage")], problems &[400, 404, 410, 422, 503]),
        route!("GET" "/v1/feed/stream" may(FeedRead), READ, get(feed::stream::handle), "streamChanges",
            "The same as server-sent events, as they are committed",
            params &["LastEventId", "After", "Types", "OfMember", "OfSegment"],
            body &[], answers &[(200, "ChangeStream")], problems &[400, 404, 422, 503]),
    ]
}

fn endpoint_routes() -> Vec<Route> {
    let may_all = may(Scope::EndpointsWrite);
    vec![
        route!("POST" "/v1/endpoints" may_all, READ, post(endpoints::create::handle), "createEndpoint",
            "Tell somebody of changes by signed webhooks; its secret is shown here, once",
            params &[], body &[(JSON, "NewEndpoint")],
            answers &[(201, "Endpoint")], problems &[400, 408, 409, 410, 413, 415, 422, 503]),
        route!("GET" "/v1/endpoints" may_all, READ, get(endpoints::list::handle), "listEndpoints",
            "Who is told, and how far", params &[], body &[], answers &[(200, "EndpointList")], problems &[503]),
        route!("GET" "/v1/endpoints/{endpoint}" may_all, READ, get(endpoints::list::one), "getEndpoint",
            "One of them", params &[], body &[], answers &[(200, "Endpoint")], problems &[404, 503]),
        route!("PATCH" "/v1/endpoints/{endpoint}" may_all, READ, patch(endpoints::update::handle), "updateEndpoint",
            "Other settings; off and on", params &[], body &[(JSON, "EndpointChange")],
            answers &[(200, "Endpoint")], problems &[400, 404, 408, 413, 415, 422, 503]),
        route!("DELETE" "/v1/endpoints/{endpoint}" may_all, READ, delete(endpoints::update::delete), "deleteEndpoint",
            "Forget it, with what waits for it", params &[], body &[],
            answers &[(200, "Deleted")], problems &[404, 503]),
        route!("POST" "/v1/endpoints/{endpoint}/secret" may_all, READ, post(endpoints::rotate::handle), "rotateSecret",
            "A new secret, shown here once; the one before signs on for a while", params &[], body &[(JSON, "Rotation")],
            answers &[(200, "Endpoint")], problems &[400, 404, 408, 413, 415, 422, 503]),
        route!("POST" "/v1/endpoints/{endpoint}/test" may_all, READ, post(endpoints::test::handle), "testEndpoint",
            "Send one message now, and see what it answers", params &["OfMember"], body &[],
            answers &[(200, "Tested")], problems &[400, 404, 422, 503]),
        route!("GET" "/v1/endpoints/{endpoint}/attempts" may_all, READ, get(deliveries::list::attempts), "listAttempts",
            "The newest attempts, with what was answered", params &["Limit", "Cursor"], body &[],
            answers &[(200, "AttemptPage")], problems &[400, 404, 503]),
        route!("POST" "/v1/endpoints/{endpoint}/retry" may_all, READ, post(deliveries::retry::all), "retryEndpoint",
            "All dead letters again, or everything after a cursor", params &[], body &[(JSON, "Again")],
            answers &[(202, "RetriedOrEndpoint")], problems &[400, 404, 408, 410, 413, 415, 422, 503]),
        route!("GET" "/v1/connectors" may_all, READ, get(connectors::list::handle), "listConnectors",
            "APIs that changes can be sent to: what is set, and what each can be told", params &[], body &[],
            answers &[(200, "ConnectorList")], problems &[]),
        route!("GET" "/v1/connectors/{connector}" may_all, READ, get(connectors::list::one), "getConnector",
            "One of them as it is written: a template to change and use as one's own", params &[], body &[],
            answers &[(200, "ConnectorTemplate")], problems &[404]),
        route!("GET" "/v1/deliveries" may_all, READ, get(deliveries::list::handle), "listDeliveries",
            "What an endpoint would not take, or what waits for it", params &["OfEndpoint", "DeliveryState", "Limit", "Cursor"],
            body &[], answers &[(200, "MessagePage")], problems &[400, 404, 503]),
        route!("POST" "/v1/deliveries/{delivery}/retry" may_all, READ, post(deliveries::retry::one), "retryDelivery",
            "One message again, now", params &[], body &[], answers &[(202, "Retried")], problems &[404, 503]),
    ]
}

fn member_routes() -> Vec<Route> {
    use Scope::{AdjustWrite, ContextRead, MembersRead, MembersWrite, PiiErase, PiiRead};
    vec![
        route!("POST" "/v1/members" may(MembersWrite), READ, post(members::create::handle), "createMember",
            "Enrol a member", params &["IdempotencyKey"], body &[(JSON, "NewMember")],
            answers &[(200, "Member"), (201, "Member")], problems &[400, 408, 409, 413, 415, 422, 503]),
        route!("GET" "/v1/members" may(MembersRead), READ, get(members::list::handle), "listMembers",
            "Members, by the order in which they came", params &["Limit", "Cursor"], body &[],
            answers &[(200, "MemberPage")], problems &[400, 503]),
        route!("GET" "/v1/members/{ref}" may(MembersRead), READ, get(members::get::handle), "getMember",
            "A member by id or identity", params &[], body &[], answers &[(200, "Member")], problems &[404, 422, 503]),
        route!("PATCH" "/v1/members/{ref}" may(MembersWrite), READ, patch(members::update::handle), "updateMember",
            "Change a member's fields; null takes one away", params &["IdempotencyKey"], body &[(JSON, "MemberFields")],
            answers &[(200, "Member")], problems &[400, 404, 408, 413, 415, 422, 503]),
        route!("DELETE" "/v1/members/{ref}" may(PiiErase), READ, delete(members::erase::handle), "eraseMember",
            "Take a member's personal data away for ever; amounts stay under a random id", params &["IdempotencyKey"], body &[],
            answers &[(200, "Member")], problems &[400, 404, 409, 422, 503]),
        route!("GET" "/v1/members/{ref}/context" may(ContextRead), READ, get(members::context::get::handle), "getMemberContext",
            "What there is to know of a member now, in one small document, to personalise by",
            params &["Include", "IfNoneMatch"], body &[],
            answers &[(200, "MemberContext"), (304, "")], problems &[400, 404, 422, 503]),
        route!("GET" "/v1/members/{ref}/context/stream" may(ContextRead), READ, get(members::context::stream::handle), "streamMemberContext",
            "The document as server-sent events: now, and anew whenever it changes",
            params &["Include", "LastEventId"], body &[],
            answers &[(200, "ContextStream")], problems &[400, 404, 422, 503]),
        route!("GET" "/v1/members/{ref}/export" may(PiiRead), READ, get(members::export::handle), "exportMember",
            "Everything that is held about a member", params &[], body &[],
            answers &[(200, "MemberExport")], problems &[404, 422, 503]),
        route!("POST" "/v1/members/{ref}/identities" may(MembersWrite), READ, post(members::link::handle), "linkIdentities",
            "Further names of the same person", params &["IdempotencyKey"], body &[(JSON, "NewIdentities")],
            answers &[(200, "Member")], problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("POST" "/v1/members/{ref}/adjustments" may(AdjustWrite), READ, post(members::adjust::handle), "adjustPoints",
            "Give or take points by hand, with a reason", params &["IdempotencyKey"], body &[(JSON, "Adjustment")],
            answers &[(200, "Outcome")], problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("POST" "/v1/members/{ref}/tiers" may(AdjustWrite), READ, post(members::place::handle), "placeMember",
            "Set a level by hand, with a reason and an end", params &["IdempotencyKey"], body &[(JSON, "Placing")],
            answers &[(200, "Member")], problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("GET" "/v1/segments" may(MembersRead), READ, get(segments::list::handle), "listSegments",
            "Segments of the program", params &[], body &[], answers &[(200, "SegmentList")], problems &[]),
        route!("GET" "/v1/segments/{segment}" may(MembersRead), READ, get(segments::count::handle), "countSegment",
            "A segment and how many belong to it now; one answer counts 2,000 members, `next` goes on from there",
            params &["Cursor"], body &[], answers &[(200, "SegmentCount")], problems &[400, 404, 503]),
        route!("GET" "/v1/segments/{segment}/members" may(MembersRead), READ, get(segments::members::handle), "listSegmentMembers",
            "Who belongs to a segment now; a page looks at no more than 2,000 members, so it may be short and still have a `next`",
            params &["Limit", "Cursor"], body &[], answers &[(200, "MemberPage")], problems &[400, 404, 503]),
        route!("POST" "/v1/members/{ref}/transfers" may(AdjustWrite), READ, post(members::give::handle), "givePoints",
            "Give points to another member; they keep their dates", params &["IdempotencyKey"], body &[(JSON, "Gift")],
            answers &[(200, "Outcome")], problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("POST" "/v1/members/{ref}/merge" may(AdjustWrite), READ, post(members::merge::handle), "mergeMembers",
            "Absorb another member, who is the same person", params &["IdempotencyKey"], body &[(JSON, "Merge")],
            answers &[(200, "Member")], problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("POST" "/v1/members/{ref}/unmerge" may(AdjustWrite), READ, post(members::unmerge::handle), "unmergeMembers",
            "Undo a merge within 30 days: the absorbed member is himself again, with what is left of his",
            params &["IdempotencyKey"], body &[(JSON, "Unmerge")],
            answers &[(200, "Parted")], problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("POST" "/v1/members/{ref}/household" may(AdjustWrite), READ, post(members::household::join), "joinHousehold",
            "Join the household of another member; if that one is in none, both found one", params &["IdempotencyKey"],
            body &[(JSON, "Join")], answers &[(200, "Member")], problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("DELETE" "/v1/members/{ref}/household" may(AdjustWrite), READ, delete(members::household::leave), "leaveHousehold",
            "Leave the household with one's own unspent points", params &["IdempotencyKey"], body &[],
            answers &[(200, "Member")], problems &[400, 404, 409, 422, 503]),
        route!("GET" "/v1/members/{ref}/transfers" may(MembersRead), READ, get(members::transfers::handle), "listTransfers",
            "A member's ledger, newest first", params &["Limit", "Cursor"], body &[],
            answers &[(200, "TransferPage")], problems &[400, 404, 422, 503]),
    ]
}

fn reward_routes() -> Vec<Route> {
    use Scope::{MembersRead, RedemptionsWrite, RulesWrite};
    const STEP: &[u16] = &[400, 404, 409, 422, 503];
    vec![
        route!("POST" "/v1/quotes" may(MembersRead), READ, post(quotes::create::handle), "createQuote",
            "What a cart would earn and get off, rewards within reach, what is missing to the next level; nothing is written",
            params &[], body &[(JSON, "NewQuote")], answers &[(200, "Quote")],
            problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("GET" "/v1/rewards" may(MembersRead), READ, get(rewards::list::handle), "listRewards",
            "What is offered; with a member what is within reach, and what is missing", params &["ForMember"], body &[],
            answers &[(200, "RewardList")], problems &[400, 404, 422, 503]),
        route!("POST" "/v1/rewards/{reward}/codes" may(RulesWrite), READ, post(rewards::codes::handle), "addCodes",
            "Codes for the pool of a reward; those that came before are left out and counted", params &["IdempotencyKey"],
            body &[(JSON, "NewCodes")], answers &[(200, "CodesAdded")], problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("POST" "/v1/redemptions" may(RedemptionsWrite), READ, post(redemptions::create::handle), "createRedemption",
            "Reserve a reward, or redeem it at once", params &["IdempotencyKey"], body &[(JSON, "NewRedemption")],
            answers &[(200, "Redemption"), (201, "Redemption")], problems &[400, 404, 408, 409, 413, 415, 422, 503]),
        route!("GET" "/v1/redemptions/{redemption}" may(MembersRead), READ, get(redemptions::get::handle), "getRedemption",
            "A redemption as it stands", params &[], body &[], answers &[(200, "Redemption")], problems &[404, 503]),
        route!("POST" "/v1/redemptions/{redemption}/confirm" may(RedemptionsWrite), READ, post(redemptions::step::confirm), "confirmRedemption",
            "Confirm a reservation", params &["IdempotencyKey"], body &[], answers &[(200, "Redemption")], problems STEP),
        route!("POST" "/v1/redemptions/{redemption}/cancel" may(RedemptionsWrite), READ, post(redemptions::step::cancel), "cancelRedemption",
            "Give up a reservation: everything is as before", params &["IdempotencyKey"], body &[], answers &[(200, "Redemption")], problems STEP),
        route!("POST" "/v1/redemptions/{redemption}/return" may(RedemptionsWrite), READ, post(redemptions::step::give_back), "returnRedemption",
            "Take a confirmed redemption back: its points return to their lots", params &["IdempotencyKey"], body &[],
            answers &[(200, "Redemption")], problems STEP),
        route!("GET" "/v1/members/{ref}/redemptions" may(MembersRead), READ, get(redemptions::list::handle), "listRedemptions",
            "A member's redemptions, newest first", params &["Limit", "Cursor"], body &[],
            answers &[(200, "RedemptionPage")], problems &[400, 404, 422, 503]),
    ]
}

fn program_routes() -> Vec<Route> {
    use Scope::{RulesRead, RulesWrite};
    vec![
        route!("GET" "/v1/program" may(RulesRead), READ, get(program::get::handle), "getProgram",
            "The present version of the program, as JSON", params &[], body &[], answers &[(200, "Program")], problems &[503]),
        route!("PUT" "/v1/program" may(RulesWrite), READ, put(program::put::handle), "putProgram",
            "Publish a version; it must check and its tests must pass", params &["IfMatch"],
            body &[(JSON, "Program"), ("application/toml", "Raw")], answers &[(200, "ProgramVersion"), (201, "ProgramVersion")],
            problems &[400, 408, 412, 413, 415, 422, 503]),
        route!("GET" "/v1/program/versions" may(RulesRead), READ, get(program::versions::handle), "listProgramVersions",
            "All versions, newest first", params &[], body &[], answers &[(200, "ProgramVersionList")], problems &[503]),
        route!("GET" "/v1/program/schema" may(RulesRead), READ, get(program::schema::handle), "getProgramSchema",
            "JSON Schema of a program", params &[], body &[], answers &[(200, "Schema")], problems &[]),
        route!("POST" "/v1/clock" may(RulesWrite), READ, post(clock::post::handle), "moveClock",
            "Move the clock of a sandbox forward; answered when what falls due has happened", params &["IdempotencyKey"],
            body &[(JSON, "ClockMove")], answers &[(200, "Clock")], problems &[400, 408, 409, 413, 415, 422, 503]),
    ]
}

fn public_routes() -> Vec<Route> {
    use Access::Public;
    vec![
        route!("GET" "/livez" Public, READ, get(health::live), "live", "Whether the process runs", params &[], body &[],
            answers &[(200, "Health")], problems &[]),
        route!("GET" "/readyz" Public, READ, get(health::ready), "ready", "Whether it takes requests", params &[], body &[],
            answers &[(200, "Health")], problems &[503]),
        route!("GET" "/metrics" Public, READ, get(health::metrics), "metrics", "OpenMetrics text", params &[], body &[],
            answers &[(200, "Text")], problems &[]),
        route!("GET" "/openapi.json" Public, READ, get(openapi::handle), "openapi", "This description", params &[], body &[],
            answers &[(200, "Schema")], problems &[]),
    ]
}

/// The router, a guard before each handler.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let guarding =
            Guard { app: app.clone(), access: route.access, budget: route.budget, route: route.path };
        router = router.route(route.path, (route.handler)().layer(from_fn_with_state(guarding, guard)));
    }
    router.fallback(health::nowhere).method_not_allowed_fallback(health::wrong_method).with_state(app.clone())
}
