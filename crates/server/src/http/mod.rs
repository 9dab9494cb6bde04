//! HTTP: routes, guards, shapes. One file a handler, `<resource>/<verb>.rs`. No rules and no SQL.

pub mod access;
pub mod act;
pub mod body;
pub mod figures;
pub mod health;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod query;
pub mod routes;
pub mod serve;
pub mod shape;
pub mod sse;
pub mod standing;
pub mod ties;

pub mod clock {
    //! The clock of a sandbox.
    pub mod post;
}
pub mod connectors {
    //! Ready templates for other people's APIs.
    pub mod list;
}
pub mod deliveries {
    //! What waits for an endpoint, what it would not take, and what was tried.
    pub mod list;
    pub mod retry;
}
pub mod endpoints {
    //! Who is told of changes by signed webhooks.
    pub mod create;
    pub mod list;
    pub mod rotate;
    pub mod shape;
    pub mod test;
    pub mod update;
}
pub mod events {
    //! Events: in, and what became of them.
    pub mod earlier;
    pub mod explain;
    pub mod get;
    pub mod list;
    pub mod post;
}
pub mod feed {
    //! Every change: by pages, and as a stream.
    pub mod asked;
    pub mod list;
    pub mod stream;
}
pub mod members {
    //! Members: what the API does to them goes through the same door as events.
    pub mod adjust;
    pub mod context;
    pub mod create;
    pub mod erase;
    pub mod export;
    pub mod get;
    pub mod give;
    pub mod household;
    pub mod link;
    pub mod list;
    pub mod merge;
    pub mod place;
    pub mod transfers;
    pub mod unmerge;
    pub mod update;

    pub mod find;
    pub mod reason;
}
pub mod program {
    //! The program: its versions and how a new one is published.
    pub mod get;
    pub mod put;
    pub mod schema;
    pub mod versions;
}
pub mod quarantine {
    //! What nobody could apply.
    pub mod list;
}
pub mod quotes {
    //! What a cart would bring.
    pub mod create;
}
pub mod redemptions {
    //! Rewards that are taken: reserved, confirmed, given up.
    pub mod create;
    pub mod get;
    pub mod list;
    pub mod shape;
    pub mod step;
}
pub mod rewards {
    //! What is offered, and the codes that it gives.
    pub mod codes;
    pub mod list;
    pub mod shape;
}
pub mod segments {
    //! Conditions on members that have a name.
    pub mod count;
    pub mod list;
    pub mod members;
}
pub mod sources {
    //! Signed webhooks, and how the sources are.
    pub mod deliveries;
    pub mod list;
    pub mod receive;
    mod sns;
}

#[cfg(test)]
mod matrix;
