//! What runs by time: clocks, and workflows with their steps.

use super::{RuleNo, Setting, Trigger, TypeNo};
use crate::condition::Expr;
use crate::term::Term;
use crate::time::{Span, Unit};
use crate::value::Text;

#[derive(Clone, Debug, PartialEq)]
pub enum Clock {
    /// At the end of each period, with the state as of its last instant; run so long after it.
    Every {
        unit: Unit,
        after: Option<Span>,
    },
    /// On the day of a date of the member (slot), so long before it, at (hour, minute).
    Yearly {
        field: u16,
        before: Option<Span>,
        at: (i8, i8),
    },
    /// Once per silence of these types.
    Idle {
        span: Span,
        of: Vec<TypeNo>,
    },
    Once {
        at: jiff::civil::DateTime,
    },
}

#[derive(Clone)]
pub struct Workflow {
    pub id: Text,
    /// What starts it: `trigger.on`, or a clock.
    pub trigger: Trigger,
    pub clock: Option<Clock>,
    /// Least time between two starts; None: once in a life.
    pub again: Option<Span>,
    pub exit: Vec<TypeNo>,
    pub paused: bool,
    pub steps: Vec<Step>,
}

#[derive(Clone)]
pub struct Step {
    pub id: Option<Text>,
    pub when: Vec<Expr>,
    pub act: Act,
}

#[derive(Clone)]
pub enum Act {
    Effects(RuleNo),
    Wait(Setting<Term>),
    /// Whether it came is `steps.ID.came`: `Place::Extra` of the step's index.
    WaitFor {
        trigger: Trigger,
        at_most: Option<Setting<Span>>,
    },
    Stop,
}
