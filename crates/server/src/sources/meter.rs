//! What is counted of sources that are read, and how each of them is, for metrics and for `GET /v1/sources`. Labels are
//! names of the settings alone.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Label {
    pub source: String,
}

/// How a source is now.
#[derive(Clone, Debug, Default, Serialize)]
pub struct State {
    /// Since when it is read; null: it is not.
    pub connected_since: Option<Timestamp>,
    /// Why it is not read, or why what was read cannot be taken.
    pub said: Option<String>,
    /// What its operator should know, though it is read.
    pub warning: Option<String>,
    pub last_message_at: Option<Timestamp>,
}

/// Messages and what became of them, by source.
#[derive(Default)]
pub struct Meters {
    taken: Family<Label, Counter>,
    quarantined: Family<Label, Counter>,
    again: Family<Label, Counter>,
    reconnects: Family<Label, Counter>,
    lag: Family<Label, Gauge>,
    connected: Family<Label, Gauge>,
    states: Mutex<BTreeMap<String, State>>,
}

/// Those of one source.
pub struct Meter<'a> {
    meters: &'a Meters,
    label: Label,
}

impl Meters {
    pub fn register(&self, registry: &mut Registry) {
        let all = [
            ("source_messages", "Messages of brokers that were acknowledged after their commit", &self.taken),
            ("source_quarantined", "Messages of brokers that were set aside", &self.quarantined),
            ("source_redelivered", "Messages that a broker had given out before", &self.again),
            ("source_reconnects", "Connections to brokers made anew", &self.reconnects),
        ];
        for (name, help, counter) in all {
            registry.register(name, help, counter.clone());
        }
        registry.register("source_lag", "Messages that wait at the broker, as it says", self.lag.clone());
        let help = "1 while the source is read, 0 while it is not";
        registry.register("source_connected", help, self.connected.clone());
    }

    pub fn of<'a>(&'a self, source: &str) -> Meter<'a> {
        Meter { meters: self, label: Label { source: source.to_owned() } }
    }
}

impl Meter<'_> {
    pub fn came(&self, again: usize) {
        self.change(|state| state.last_message_at = Some(Timestamp::now()));
        self.meters.again.get_or_create(&self.label).inc_by(again as u64);
    }
    pub fn taken(&self, messages: usize, quarantined: usize) {
        self.meters.taken.get_or_create(&self.label).inc_by((messages - quarantined) as u64);
        self.meters.quarantined.get_or_create(&self.label).inc_by(quarantined as u64);
    }
    pub fn lag(&self, messages: u64) {
        self.meters.lag.get_or_create(&self.label).set(i64::try_from(messages).unwrap_or(i64::MAX));
    }
    pub fn connected(&self, warning: Option<&str>) {
        self.meters.connected.get_or_create(&self.label).set(1);
        self.change(|state| {
            state.connected_since = Some(Timestamp::now());
            (state.said, state.warning) = (None, warning.map(str::to_owned));
        });
    }
    /// True if it was not known that it is so.
    pub fn lost(&self, why: &str) -> bool {
        self.meters.connected.get_or_create(&self.label).set(0);
        self.change(|state| state.connected_since = None);
        self.said(Some(why))
    }
    pub fn reconnects(&self) {
        self.meters.reconnects.get_or_create(&self.label).inc();
    }
    /// True if it was not known that it is so.
    pub fn said(&self, why: Option<&str>) -> bool {
        self.change(|state| {
            let is_new = state.said.as_deref() != why;
            state.said = why.map(str::to_owned);
            is_new
        })
    }
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut states = self.meters.states.lock().unwrap_or_else(PoisonError::into_inner);
        change(states.entry(self.label.source.clone()).or_default())
    }

    /// As `GET /v1/sources` tells it.
    pub fn told(&self) -> serde_json::Value {
        let mut told = serde_json::json!(self.change(|state| state.clone()));
        let counted = [
            ("messages", &self.meters.taken),
            ("quarantined", &self.meters.quarantined),
            ("redelivered", &self.meters.again),
            ("reconnects", &self.meters.reconnects),
        ];
        for (name, family) in counted {
            told[name] = family.get_or_create(&self.label).get().into();
        }
        told["lag"] = self.meters.lag.get_or_create(&self.label).get().into();
        told
    }
}
