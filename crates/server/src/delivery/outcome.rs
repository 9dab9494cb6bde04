//! What came of an attempt, and what follows from it.

use std::time::Duration;

use crate::outbound::Answer;

pub struct Outcome {
    /// None: there was no answer.
    pub status: Option<u16>,
    pub said: Box<str>,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Taken,
    /// It asks to be left alone so long; that is no failure.
    Wait(Duration),
    /// Another time, by the schedule.
    Again,
    /// It will never be taken: a dead letter.
    Never,
    /// Nothing will ever be taken there: the endpoint is switched off.
    Gone,
}

impl Outcome {
    /// Of a webhook (Standard Webhooks): 2xx alone is taken.
    pub fn of(answer: Result<Answer, String>) -> Outcome {
        let answer = match answer {
            Ok(answer) => answer,
            Err(why) => return Outcome::without_answer(why, Verdict::Again),
        };
        let verdict = match (answer.status, answer.retry_after) {
            (200..300, _) => Verdict::Taken,
            (410, _) => Verdict::Gone,
            (429 | 503, Some(wait)) => Verdict::Wait(wait),
            _ => Verdict::Again,
        };
        Outcome { status: Some(answer.status), said: answer.said.into(), verdict }
    }

    pub fn without_answer(why: impl Into<Box<str>>, verdict: Verdict) -> Outcome {
        Outcome { status: None, said: why.into(), verdict }
    }

    pub fn is_taken(&self) -> bool {
        self.verdict == Verdict::Taken
    }
}
