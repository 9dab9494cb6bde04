//! Workflows: what starts them, and their steps. What a step does is a hidden rule of its own.

use super::Compiler;
use super::effects::Spot;
use super::expressions::sources;
use super::goals::{effect_keys, hidden};
use super::scope::Place;
use super::settings::SPAN;
use super::trigger::heard;
use crate::condition::Code;
use crate::plan::{Act, Rule, RuleNo, Step, Trigger, Workflow};
use crate::program::read::{Node, Table};
use crate::time::Span;

/// Steps of one workflow.
const STEPS_MAX: usize = 100;
const ONE_OF: &str = "one of an effect, `wait`, `stop`";

/// Steps before, that wait for an event: their names and numbers.
type Came = Vec<(String, u16)>;

impl Compiler<'_, '_, '_> {
    pub fn workflows(&mut self, rules: &mut Vec<Rule>) -> Vec<Workflow> {
        let mut found = Vec::new();
        for (id, _, node) in self.section("workflows") {
            let Some(table) = node.table() else { continue };
            let path = format!("workflows.{id}");
            let on = heard(&self.names, table);
            let trigger = self.trigger(table, &path, |_| Place::Trigger { on: on.clone() });
            self.no_quotes(table, &path, &trigger.on);
            let exit = table.get("exit").map(|n| self.types(n, &format!("{path}.exit")));
            found.push(Workflow {
                id: id.into(),
                trigger,
                clock: self.clock(table, &path),
                again: table.get("again").and_then(Node::text).and_then(Span::parse),
                exit: exit.unwrap_or_default(),
                paused: table.get("paused").and_then(Node::bool).unwrap_or(false),
                steps: self.workflow_steps(table, &path, rules),
            });
        }
        found
    }

    fn workflow_steps(&mut self, table: &Table, path: &str, rules: &mut Vec<Rule>) -> Vec<Step> {
        let Some(node) = table.get("steps") else { return Vec::new() };
        let steps = node.list().unwrap_or_default();
        if steps.is_empty() || steps.len() > STEPS_MAX {
            let message = format!("{} steps, and a workflow has 1 to {STEPS_MAX}", steps.len());
            self.report.error(Code::TooMany, &format!("{path}.steps"), &node.at, message, "");
        }
        let (mut found, mut came) = (Vec::new(), Came::new());
        let mut ids: Vec<&str> = Vec::new();
        for (i, node) in steps.iter().enumerate() {
            let Some(table) = node.table() else { continue };
            let below = format!("{path}.steps.{i}");
            let id = table.get("id").and_then(|n| Some((n, n.text()?)));
            if let Some((node, id)) = id {
                if ids.contains(&id) {
                    let message = format!("there are two steps `{id}`");
                    self.report.error(Code::Duplicate, &format!("{below}.id"), &node.at, message, "");
                }
                ids.push(id);
            }
            let place = Place::Step { came: came.clone() };
            let when = self.conditions(table.get("when"), &format!("{below}.when"), &place);
            if let Some(act) = self.act(table, node, &below, &format!("{path}#{i}"), &place, rules) {
                found.push(Step { id: id.map(|(_, id)| id.into()), when, act });
            }
            if let (Some((_, id)), true) = (id, waits_for(table)) {
                came.push((id.to_owned(), i as u16));
            }
        }
        found
    }

    fn act(
        &mut self,
        table: &Table,
        node: &Node,
        path: &str,
        id: &str,
        place: &Place,
        rules: &mut Vec<Rule>,
    ) -> Option<Act> {
        let wait = table.get("wait");
        let kinds =
            effect_keys(table) + usize::from(wait.is_some()) + usize::from(table.get("stop").is_some());
        if kinds != 1 {
            let at = table.iter().next().map_or(&node.at, |(key, _)| &key.at).clone();
            let (code, message) = match kinds {
                0 => (Code::MissingKey, "a step does nothing"),
                _ => (Code::UnknownKey, "a step does one thing"),
            };
            self.report.error(code, path, &at, message, ONE_OF);
        }
        match wait {
            Some(node) => self.wait(node, &format!("{path}.wait")),
            None if table.get("stop").is_some() => Some(Act::Stop),
            None => {
                let given = sources(table.get("when"));
                let spot = Spot { place, once: place, given: &given, given_once: &given };
                let effects = self.effects(table, path, &spot);
                let trigger = Trigger { on: Vec::new(), each: None, when: Vec::new(), active: None };
                let rule = rules.len() as RuleNo;
                rules.push(hidden(id.to_owned(), trigger, Vec::new(), effects));
                Some(Act::Effects(rule))
            }
        }
    }

    fn wait(&mut self, node: &Node, path: &str) -> Option<Act> {
        let Some(table) = node.table() else { return self.term(node, path).map(Act::Wait) };
        let on = heard(&self.names, table);
        let trigger = self.trigger(table, path, |_| Place::Trigger { on: on.clone() });
        self.no_quotes(table, path, &trigger.on);
        let at_most = table.get("at_most").and_then(|n| self.setting(n, &format!("{path}.at_most"), &SPAN));
        Some(Act::WaitFor { trigger, at_most })
    }
}

fn waits_for(table: &Table) -> bool {
    table.get("wait").is_some_and(|n| n.table().is_some())
}
